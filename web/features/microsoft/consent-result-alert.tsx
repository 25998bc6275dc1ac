// How asking the administrator ended, told once: the address is cleaned as soon as it is read, so a reload does not tell it again.
import { Alert } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { CONSENT_WORDS, type ConsentSearch } from './consent-result'

export function ConsentResultAlert({ search }: { search: ConsentSearch }) {
  const navigate = useNavigate()
  const [told, setTold] = useState(search.consent ?? null)
  const returned = search.consent !== undefined
  useEffect(() => {
    if (returned) void navigate({ to: '.', search: {}, replace: true })
  }, [returned, navigate])
  if (told === null) return null
  const good = told === 'granted'
  return (
    <Alert
      color={good ? 'pine' : 'red'}
      role={good ? 'status' : 'alert'}
      mb="md"
      withCloseButton
      closeButtonLabel="Dismiss"
      onClose={() => setTold(null)}
    >
      {CONSENT_WORDS[told]}
    </Alert>
  )
}
