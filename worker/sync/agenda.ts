// What an inbox has to do and when, over the one alarm a Durable Object has. Pure; no clock.

/**
 * Task → time it is due, ms since the epoch. A missing task is not wanted. `sync` looks for new mail, `fetch` sends a fetch job that had
 * to wait for its provider, `renew` keeps the provider's standing order for push.
 */
export type Agenda = { sync?: number; fetch?: number; renew?: number }
export type Task = keyof Agenda

/** When the alarm has to fire next; null when there is nothing to do. */
export function nextAlarm(agenda: Agenda): number | null {
  const times = Object.values(agenda).filter((due) => due !== undefined)
  return times.length === 0 ? null : Math.min(...times)
}

/** The tasks that are due at `now`, the most overdue first. */
export function dueTasks(agenda: Agenda, now: number): Task[] {
  return (Object.entries(agenda) as [Task, number | undefined][])
    .filter(([, due]) => due !== undefined && due <= now)
    .sort(([, a], [, b]) => (a ?? 0) - (b ?? 0))
    .map(([task]) => task)
}

/** Brings a task forward to `due`; one that is due earlier already stays. */
export function advance(agenda: Agenda, task: Task, due: number): Agenda {
  return { ...agenda, [task]: Math.min(agenda[task] ?? due, due) }
}

/** Takes a task off. */
export function drop(agenda: Agenda, task: Task): Agenda {
  const { [task]: _dropped, ...rest } = agenda
  return rest
}

/** Puts a task at `due`, whatever was planned. */
export function plan(agenda: Agenda, task: Task, due: number): Agenda {
  return { ...agenda, [task]: due }
}
