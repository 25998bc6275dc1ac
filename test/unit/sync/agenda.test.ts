import { describe, expect, it } from 'vitest'
import { advance, drop, dueTasks, nextAlarm, plan } from '../../../worker/sync/agenda'

describe('the agenda', () => {
  it('wants no alarm for nothing, and the earliest for several tasks', () => {
    expect(nextAlarm({})).toBeNull()
    expect(nextAlarm({ sync: 30, renew: 10, fetch: 20 })).toBe(10)
  })

  it('lists what is due, the most overdue first', () => {
    expect(dueTasks({ sync: 30, renew: 10, fetch: 20 }, 20)).toEqual(['renew', 'fetch'])
  })

  it('brings a task forward and never back', () => {
    expect(advance({ sync: 50 }, 'sync', 20)).toEqual({ sync: 20 })
    expect(advance({ sync: 10 }, 'sync', 20)).toEqual({ sync: 10 })
    expect(advance({}, 'sync', 20)).toEqual({ sync: 20 })
  })

  it('takes one task off and leaves the others', () => {
    expect(drop({ sync: 10, renew: 5 }, 'renew')).toEqual({ sync: 10 })
    expect(drop({ sync: 10 }, 'fetch')).toEqual({ sync: 10 })
  })

  it('plans one task and leaves the others', () => {
    expect(plan({ sync: 10, renew: 5 }, 'sync', 99)).toEqual({ sync: 99, renew: 5 })
  })
})
