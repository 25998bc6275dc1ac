// A mail's HTML in a sandboxed frame. Loaded only when somebody asks for it.
import { Button, Group, Text } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { IconArrowsMaximize, IconArrowsMinimize, IconPhoto } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import type { MessageAnswer } from '../../../worker/contract/tickets'
import classes from './html-frame.module.css'
import { inlineImagesQuery } from './inline-images'
import { showMail } from './mail-html'

const MAX_CLOSED_PX = 480

export function HtmlFrame({ message, html }: { message: MessageAnswer; html: string }) {
  const [allowRemote, setAllowRemote] = useState(false)
  const [open, setOpen] = useState(false)
  const { ref, width } = useElementSize()
  const inlineImages = useQuery(inlineImagesQuery(message.id, html))
  const shown = useMemo(
    () => showMail(html, { inlineImages: inlineImages.data ?? new Map(), allowRemote, width: width || 640 }),
    [html, inlineImages.data, allowRemote, width],
  )
  const tall = shown.height > MAX_CLOSED_PX
  return (
    <div ref={ref}>
      {message.blockedRemote > 0 && !allowRemote && (
        <Group gap="xs" mb="xs" className={classes.notice}>
          <Text size="sm" flex="1 1 14rem">
            Remote images are not loaded: they tell the sender when and where the mail is read.
          </Text>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPhoto size={16} />}
            onClick={() => setAllowRemote(true)}
          >
            Load remote images
          </Button>
        </Group>
      )}
      <div
        className={classes.card}
        style={{ height: open ? Math.max(shown.height * 1.3, 640) : Math.min(shown.height, MAX_CLOSED_PX) }}
      >
        <iframe
          title={`Mail from ${message.from.name || message.from.email}`}
          className={classes.frame}
          sandbox="allow-popups allow-popups-to-escape-sandbox"
          referrerPolicy="no-referrer"
          srcDoc={shown.srcdoc}
        />
      </div>
      {tall && (
        <Button
          mt={4}
          size="compact-sm"
          variant="subtle"
          leftSection={open ? <IconArrowsMinimize size={14} /> : <IconArrowsMaximize size={14} />}
          onClick={() => setOpen(!open)}
          aria-expanded={open}
        >
          {open ? 'Show less' : 'Show the whole mail'}
        </Button>
      )}
    </div>
  )
}
