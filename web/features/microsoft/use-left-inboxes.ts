// The inboxes that another app for email would leave, by name.
import { useQuery } from '@tanstack/react-query'
import { inboxesQuery } from '../inboxes/api'
import { leftInboxes, type ServingApp } from './left-inboxes'

/** Empty while the inboxes are not known. */
export function useLeftInboxes(before: ServingApp | null, after: ServingApp | null): string[] {
  return leftInboxes(useQuery(inboxesQuery()).data ?? [], before, after)
}
