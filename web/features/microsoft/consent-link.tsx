// The way to the page where an administrator of the directory agrees for everybody: to open, or to hand on.
import { Button, CopyButton, Group } from '@mantine/core'
import { IconExternalLink } from '@tabler/icons-react'

export function ConsentLink({ url }: { url: string }) {
  return (
    <Group gap="xs">
      <CopyButton value={url}>
        {({ copied, copy }) => (
          <Button size="xs" variant="default" onClick={copy}>
            {copied ? 'Copied' : 'Copy the consent link'}
          </Button>
        )}
      </CopyButton>
      <Button
        component="a"
        href={url}
        target="_blank"
        rel="noreferrer"
        size="xs"
        variant="default"
        rightSection={<IconExternalLink size={14} aria-hidden />}
      >
        Open the consent page
      </Button>
    </Group>
  )
}
