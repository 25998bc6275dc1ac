// A message's text: line breaks kept, addresses of pages made links, the quote folded away.
import { Button } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import { Fragment, useState } from 'react'
import classes from './message.module.css'

type Props = { text: string; fullText: string }

export function MessageText({ text, fullText }: Props) {
  const [showQuote, setShowQuote] = useState(false)
  const hasQuote = fullText.trim().length > text.trim().length
  const shown = showQuote ? fullText : text
  return (
    <>
      <div className={classes.text}>
        {shown.trim() ? <Linked text={shown.trim()} /> : <em>This message has no text.</em>}
      </div>
      {hasQuote && (
        <Button
          mt={6}
          size="compact-xs"
          variant="default"
          leftSection={<IconDots size={14} />}
          onClick={() => setShowQuote(!showQuote)}
          aria-expanded={showQuote}
        >
          {showQuote ? 'Hide quoted text' : 'Show quoted text'}
        </Button>
      )}
    </>
  )
}

const URL_PATTERN = /(https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]}])/g

function Linked({ text }: { text: string }) {
  return text.split(URL_PATTERN).map((part, index) =>
    // split() with one group alternates: text, link, text, …
    index % 2 === 0 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text never move
      <Fragment key={index}>{part}</Fragment>
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: as above
      <a key={index} href={part} target="_blank" rel="noopener noreferrer nofollow">
        {part}
      </a>
    ),
  )
}
