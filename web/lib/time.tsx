// Times as people read them: short in lists, exact on hover and for machines.
import { Tooltip } from '@mantine/core'
import { useSyncExternalStore } from 'react'

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const dayOfYear = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' })

/** 'just now', '5 min ago', today's clock time, 'Mar 3', or a date with its year. */
export function shortTime(iso: string, now: number): string {
  const then = new Date(iso)
  const seconds = (now - then.getTime()) / 1000
  if (Math.abs(seconds) < 60) return 'just now'
  if (seconds > 0 && seconds < 3600) return relative.format(-Math.floor(seconds / 60), 'minute')
  const today = new Date(now)
  if (then.toDateString() === today.toDateString()) return clock.format(then)
  if (then.getFullYear() === today.getFullYear()) return day.format(then)
  return dayOfYear.format(then)
}

/** '14:05' today, else the date and the time. */
export function clockTime(iso: string, now: number): string {
  const then = new Date(iso)
  return then.toDateString() === new Date(now).toDateString() ? clock.format(then) : moment.format(then)
}

export function exactTime(iso: string): string {
  return exact.format(new Date(iso))
}

/** 'in 2 min' or '2 min ago'; what has just happened may be a little ahead of this clock. */
export function relativeTime(iso: string, now: number): string {
  const seconds = Math.round((new Date(iso).getTime() - now) / 1000)
  if (seconds > -10 && seconds < 20) return 'just now'
  if (Math.abs(seconds) < 90) return relative.format(seconds, 'second')
  if (Math.abs(seconds) < 5400) return relative.format(Math.round(seconds / 60), 'minute')
  if (Math.abs(seconds) < 129_600) return relative.format(Math.round(seconds / 3600), 'hour')
  return relative.format(Math.round(seconds / 86_400), 'day')
}

/** A time that stays right while the screen is open. */
export function Time({ iso, form = 'short' }: { iso: string; form?: Form }) {
  const now = useNow()
  return (
    <Tooltip label={exactTime(iso)} openDelay={300}>
      <time dateTime={iso}>{words(iso, form, now)}</time>
    </Tooltip>
  )
}

/** 'moment': date and time. 'due': something that is to happen, now where its time has come. 'clock': today's time, else the moment. */
type Form = 'short' | 'moment' | 'relative' | 'due' | 'clock'

function words(iso: string, form: Form, now: number): string {
  if (form === 'moment') return moment.format(new Date(iso))
  if (form === 'clock') return clockTime(iso, now)
  if (form === 'short') return shortTime(iso, now)
  return form === 'due' && Date.parse(iso) <= now + 20_000 ? 'now' : relativeTime(iso, now)
}

/** The current time in ms, renewed every 15 s by one timer for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => currentTime)
}
const TICK_MS = 15_000
let currentTime = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()
function subscribe(listener: () => void) {
  if (listeners.size === 0) {
    currentTime = Date.now()
    timer = setInterval(() => {
      currentTime = Date.now()
      for (const each of listeners) each()
    }, TICK_MS)
  }
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) clearInterval(timer)
  }
}
