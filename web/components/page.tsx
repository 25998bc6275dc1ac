// A page's heading: the document's title, and where focus goes after a change of page.
import { Box, Group, Title } from '@mantine/core'
import { type ReactNode, useEffect, useRef } from 'react'
import classes from './page.module.css'

export function usePageTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Postroom`
  }, [title])
}

/** The h1. Takes focus when the person came here by a link, so that a screen reader speaks the new page. */
export function PageHeading({ title, children }: { title: string; children?: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null)
  usePageTitle(title)
  useEffect(() => {
    const active = document.activeElement
    const moved = active !== document.body && active?.closest('main')
    if (cameByLink && !moved) heading.current?.focus({ preventScroll: true })
    cameByLink = true
  }, [])
  return (
    <Title order={1} ref={heading} tabIndex={-1} className={classes.heading}>
      {children ?? title}
    </Title>
  )
}
/** False for the first page of a visit: there the browser's own start of the page is right. */
let cameByLink = false

type PageProps = { title: string; actions?: ReactNode; width?: number; children: ReactNode }

/** A page with a heading row and a content column. */
export function Page({ title, actions, width = 1000, children }: PageProps) {
  return (
    <Box className={classes.page} maw={width}>
      <Group justify="space-between" mb="md" gap="sm">
        <PageHeading title={title} />
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Box>
  )
}
