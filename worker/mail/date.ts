// RFC 5322 dates with the obsolete forms and the habits of old mailers. Pure; never throws.

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
/** Minutes east of UTC: RFC 5322 section 4.3, and European names that mailers write all the same. */
const ZONES: Record<string, number> = {
  ut: 0,
  utc: 0,
  gmt: 0,
  wet: 0,
  bst: 60,
  west: 60,
  cet: 60,
  met: 60,
  cest: 120,
  mest: 120,
  eet: 120,
  eest: 180,
  msk: 180,
  jst: 540,
  kst: 540,
  est: -300,
  edt: -240,
  cst: -360,
  cdt: -300,
  mst: -420,
  mdt: -360,
  pst: -480,
  pdt: -420,
}

/** Comments, nested ones too, as a space; null where one never closes. */
function withoutComments(value: string): string | null {
  let out = ''
  let depth = 0
  for (const char of value) {
    if (char === '(') depth++
    else if (char === ')' && depth > 0) {
      depth--
      out += ' '
    } else if (depth === 0) out += char
  }
  return depth === 0 ? out : null
}

/** Minutes east of UTC; an unknown name counts as UTC (RFC 5322 section 4.3: "-0000"). */
function zoneMinutes(zone: string): number {
  const numeric = /^(?:gmt|utc)?([+-])(\d{1,2}):?(\d{2})?$/i.exec(zone)
  if (!numeric) return ZONES[zone.toLowerCase()] ?? 0
  const [, sign, hours, minutes] = numeric
  const offset = Number(hours) * 60 + Number(minutes ?? 0)
  return sign === '-' ? -offset : offset
}

/** RFC 5322 section 4.3: two digits below 50 are 20xx, others and three digits count from 1900. */
function fullYear(digits: string): number {
  const year = Number(digits)
  if (digits.length > 3) return year
  return digits.length === 2 && year < 50 ? 2000 + year : 1900 + year
}

function instant(year: number, month: number, day: number, time: string, zone: string): number | null {
  const [hour = 0, minute = 0, second = 0] = time.split(/[:.]/).map(Number)
  const offset = zoneMinutes(zone)
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  const sane =
    year >= 1900 && year <= 9999 && month >= 0 && day >= 1 && day <= lastDay && hour < 24 && minute < 60 && second <= 60
  if (!sane || Math.abs(offset) >= 24 * 60) return null
  return Date.UTC(year, month, day, hour, minute - offset, second)
}

const DAY_FIRST =
  /^(?:[a-z]{2,9}\.?,?\s*)?(\d{1,2})[\s-]+([a-z]{3,9})\.?,?[\s-]+(\d{2,4}),?\s+(\d{1,2}[:.]\d{1,2}(?:[:.]\d{1,2})?)\s*([^\s,]*)/i
/** ctime(3): Tue May 17 19:30:20 2000, with the zone before or after the year. */
const MONTH_FIRST =
  /^(?:[a-z]{3,9},?\s+)?([a-z]{3,9})\s+(\d{1,2}),?\s+(\d{1,2}:\d{2}(?::\d{2})?)\s+([a-z+-]\S*\s+)?(\d{4})\s*([^\s,]*)/i

/** Milliseconds since the epoch of a Date field; null where it says no readable time. */
export function parseDate(value: string | null): number | null {
  const text = withoutComments(value ?? '')
    ?.replace(/\s+/g, ' ')
    .trim()
  if (!text || text.length > 200) return null
  const month = (name: string) => MONTHS.indexOf(name.slice(0, 3).toLowerCase())
  const dayFirst = DAY_FIRST.exec(text)
  if (dayFirst) {
    const [, day = '', name = '', year = '', time = '', zone = ''] = dayFirst
    return instant(fullYear(year), month(name), Number(day), time, zone)
  }
  const monthFirst = MONTH_FIRST.exec(text)
  if (monthFirst) {
    const [, name = '', day = '', time = '', before = '', year = '', after = ''] = monthFirst
    return instant(Number(year), month(name), Number(day), time, before.trim() || after)
  }
  if (!/^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(text)) return null
  const iso = Date.parse(
    /(?:Z|[+-]\d{2}:?\d{2})$/i.test(text)
      ? text.replace(/ (?=[+-])/, '').replace(' ', 'T')
      : `${text.replace(' ', 'T')}Z`,
  )
  return Number.isNaN(iso) ? null : iso
}
