// How much of a mailbox's past is imported when it is first connected.
export const IMPORT_CHOICES = [
  { value: '0', label: 'Only new mail' },
  { value: '7', label: 'The last 7 days' },
  { value: '30', label: 'The last 30 days' },
  { value: '90', label: 'The last 90 days' },
  { value: '365', label: 'The last year' },
  { value: '3650', label: 'The last ten years' },
]
