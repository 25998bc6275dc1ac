// The simulated world all parts of a vendor share: clock, accounts, faults, violations, and state that survives the process.
// Parts keep their data in a named section (plain JSON, changed in place) and in blobs (bytes); `changed()` saves soon after.
import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** An account, as far as every vendor has it; `email` lower case. */
export type Account = { id: string; email: string; name: string }

/** What the next `times` requests whose path (with query) matches meet. `retryAfter` in seconds or an HTTP date, `ms` for slow. */
export type Fault = {
  path: string
  method?: string
  times: number
  /** one of the vendor's list: an answer instead of its own, or what befalls that */
  kind: string
  retryAfter?: number | string
  ms?: number
  location?: string
}

/** Bytes too large for the JSON state. Keys are file names: letters, digits, `-`, `_`, `.`. */
export type Blobs = {
  put(key: string, bytes: Buffer): void
  get(key: string): Buffer | null
  delete(key: string): void
}

type Events = {
  /** something arrived, left or changed in a mailbox */
  mailbox: [email: string, change: string]
  /** the clock was set or advanced by hand */
  clock: [now: number]
  /** the world ends: timers are to stop */
  close: []
}

export type World<A extends Account = Account> = {
  /** milliseconds since 1970, as this world sees it */
  clock(): number
  advance(ms: number): void
  setClock(now: number): void
  accounts: Map<string, A>
  /** The account of an address, made if there is none; throws when it is no address. */
  addAccount(email: string, name?: string): A
  faults: Fault[]
  /** What broke a contract; a run without any is a proof, so nothing removes entries. */
  violations: string[]
  violate(text: string): void
  /** requests by method and path template, for tests that count */
  requests: Record<string, number>
  /** What GET /__control/state shows, one entry for each part that has something to tell. */
  reports: Record<string, () => unknown>
  /** Fresh random hexadecimal digits. */
  randomId(digits: number): string
  /** A part's own JSON data: what was saved under this name, or `initial`. Always the same object. */
  section<T extends object>(name: string, initial: T): T
  blobs: Blobs
  /** State has changed and is to be saved soon. */
  changed(): void
  /** Saves now; without a folder nothing is kept. */
  save(): void
  events: EventEmitter<Events>
}

type Options<A> = {
  /** of the vendor, lower case: names the state file and the log's lines */
  name: string
  /** a folder; with it the world goes on from what was saved there */
  state: string | undefined
  /** a new account of this address */
  makeAccount(email: string, name: string): A
}

/** Makes a world. */
export function createWorld<A extends Account>({ name: vendor, state, makeAccount }: Options<A>): World<A> {
  const file = state ? path.join(state, `${vendor}.json`) : null
  const sections: Record<string, object> = file && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  const section = <T extends object>(name: string, initial: T): T => {
    sections[name] ??= initial
    return sections[name] as T
  }
  if (state) mkdirSync(state, { recursive: true })

  const time = section('clock', { offset: 0 })
  const known = section<{ list: A[] }>('accounts', { list: [] })
  const accounts = new Map(known.list.map((account) => [account.email, account]))
  const events = new EventEmitter<Events>()
  let timer: NodeJS.Timeout | null = null
  let lastSaveTook = 0

  const save = () => {
    if (timer) clearTimeout(timer)
    timer = null
    if (!file) return
    const started = performance.now()
    writeFileSync(`${file}.next`, JSON.stringify(sections), { mode: 0o600 })
    renameSync(`${file}.next`, file)
    lastSaveTook = performance.now() - started
  }
  const changed = () => {
    // A big state is saved less often, so that saving never takes more than a small share of the time.
    if (file) timer ??= setTimeout(save, Math.max(30, lastSaveTook * 15))
  }
  const setClock = (now: number) => {
    time.offset = now - Date.now()
    changed()
    events.emit('clock', now)
  }
  const clock = () => Date.now() + time.offset
  const violations: string[] = []

  return {
    clock,
    setClock,
    advance: (ms) => setClock(clock() + ms),
    accounts,
    addAccount(email, name) {
      const address = email.trim().toLowerCase()
      if (!/^[^\s@<>]+@[^\s@<>]+$/.test(address)) throw new Error('Enter a valid email address.')
      const existing = accounts.get(address)
      if (existing) return existing
      const account = makeAccount(address, name?.trim() || nameOf(address))
      known.list.push(account)
      accounts.set(address, account)
      changed()
      return account
    },
    faults: [],
    violations,
    violate(text) {
      violations.push(text)
      console.error(`${vendor} simulator: contract broken: ${text}`)
    },
    requests: {},
    reports: {},
    randomId: (digits) =>
      randomBytes(Math.ceil(digits / 2))
        .toString('hex')
        .slice(0, digits),
    section,
    blobs: state ? fileBlobs(path.join(state, 'blobs')) : memoryBlobs(),
    changed,
    save,
    events,
  }
}

function nameOf(email: string): string {
  const local = email.split('@')[0] ?? email
  return local
    .split(/[._-]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ')
}

function memoryBlobs(): Blobs {
  const blobs = new Map<string, Buffer>()
  return {
    put: (key, bytes) => void blobs.set(key, bytes),
    get: (key) => blobs.get(key) ?? null,
    delete: (key) => void blobs.delete(key),
  }
}

function fileBlobs(folder: string): Blobs {
  mkdirSync(folder, { recursive: true })
  const fileOf = (key: string) => {
    if (!/^[\w.-]+$/.test(key)) throw new Error(`not a blob key: ${key}`)
    return path.join(folder, key)
  }
  return {
    put(key, bytes) {
      const file = fileOf(key)
      writeFileSync(`${file}.next`, bytes)
      renameSync(`${file}.next`, file)
    },
    get: (key) => (existsSync(fileOf(key)) ? readFileSync(fileOf(key)) : null),
    delete: (key) => rmSync(fileOf(key), { force: true }),
  }
}
