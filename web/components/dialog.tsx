// A dialog that is there as long as it is rendered, and gives the focus back to where it was opened when it goes.
import { Modal, type ModalProps } from '@mantine/core'
import { useEffect, useState } from 'react'

type Props = Pick<ModalProps, 'title' | 'onClose' | 'size' | 'children'>

export function Dialog(props: Props) {
  const [opener] = useState(openerOf)
  useEffect(
    () => () => {
      // Once what was behind the dialog may be focused again.
      setTimeout(() => opener?.focus())
    },
    [opener],
  )
  return <Modal opened closeButtonProps={{ 'aria-label': 'Close' }} {...props} />
}

/** What has the focus; for an item of a menu, which is gone by then, the button of the menu. */
function openerOf(): HTMLElement | null {
  const active = document.activeElement
  if (!(active instanceof HTMLElement)) return null
  const label = active.closest('[role="menu"]')?.getAttribute('aria-labelledby')
  return label ? document.getElementById(label) : active
}
