// Short messages at the edge of the screen, spoken by screen readers.
import { notifications } from '@mantine/notifications'
import { messageOf } from './http'

const CLOSE = { closeButtonProps: { 'aria-label': 'Dismiss' } }

export function notifyError(error: unknown) {
  notifications.show({ ...CLOSE, color: 'red', title: 'That did not work', message: messageOf(error), autoClose: 8000 })
}

export function notifyDone(message: string) {
  notifications.show({ ...CLOSE, message, autoClose: 4000 })
}
