// The choice of what is done to processed mail, between the form and the API.
import { expect, it } from 'vitest'
import { permissionReason } from '../../../web/features/inboxes/account-access'
import { MARK_LABEL, MARK_MEANING, markAction, markBody, markForm } from '../../../web/features/inboxes/mark-words'
import { MARK_ACTIONS, UpdateInboxBody } from '../../../worker/contract/inboxes'

it('offers what the API knows, leaving mail alone first', () => {
  expect(Object.keys(MARK_LABEL)).toEqual([...MARK_ACTIONS])
  expect(Object.keys(MARK_MEANING)).toEqual([...MARK_ACTIONS])
  expect(markAction('constructor')).toBe('none')
  expect(markAction('read')).toBe('read')
})

it('sends a folder only where mail is moved', () => {
  expect(markBody({ action: 'move', folder: ' Done ' })).toEqual({ markProcessed: { action: 'move', folder: 'Done' } })
  expect(markBody({ action: 'category', folder: 'Done' })).toEqual({ markProcessed: { action: 'category' } })
  for (const action of MARK_ACTIONS)
    expect(UpdateInboxBody.safeParse(markBody({ action, folder: 'x' })).success).toBe(true)
  expect(markForm({ action: 'none', folder: null, problem: null, stopped: false })).toEqual({
    action: 'none',
    folder: '',
  })
})

it('no longer promises to change nothing once mail is marked', () => {
  expect(permissionReason('read', 'microsoft')).toContain('Nothing in the mailbox is changed')
  expect(permissionReason('read', 'microsoft', true)).not.toContain('Nothing in the mailbox is changed')
})
