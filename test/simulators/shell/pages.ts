// Page frame and HTML escaping for a simulator's own pages: plain HTML, one style, light and dark, phone and desk.

/** HTML that is safe to put into a page as it is. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | null | false | undefined | readonly (Html | string)[]

/** Tagged template: every value is escaped unless it is Html already; lists are joined, null and false are nothing. */
export function html(strings: TemplateStringsArray, ...values: Part[]): Html {
  const one = (value: Part): string => {
    if (value === null || value === undefined || value === false) return ''
    if (value instanceof Html) return value.text
    if (Array.isArray(value)) return value.map(one).join('')
    return escaped(String(value))
  }
  return new Html(strings.map((text, index) => text + (index < values.length ? one(values[index]) : '')).join(''))
}

function escaped(text: string): string {
  const codes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (character) => codes[character] ?? character)
}

/** A whole page as an answer. `narrow` pages are dialogs in the middle. */
export function page(title: string, content: Html, { status = 200, narrow = false } = {}) {
  const text = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body${narrow ? html` class="narrow"` : null}>
<main>
${content}
</main>
<footer>Simulated, for development and tests. Nothing here reaches the internet.</footer>
</body>
</html>
`.text
  return { status, headers: { 'content-type': 'text/html; charset=utf-8', 'x-frame-options': 'DENY' }, body: text }
}

/** The coloured first letter of an account. */
export function avatar(name: string): Html {
  const hue = [...name].reduce((sum, character) => sum + (character.codePointAt(0) ?? 0), 0) * 47
  return html`<span class="avatar" style="--hue:${hue % 360}" aria-hidden="true">${(name[0] ?? '?').toUpperCase()}</span>`
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --dim: #5b636d; --line: #d5dae1; --back: #f4f6f9; --card: #fff; --accent: #1558c0; --on-accent: #fff; --warn: #a3261d; --mark: #e9f0fc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --dim: #a3abb6; --line: #3a414c; --back: #14171b; --card: #1d2127; --accent: #8ab4f8; --on-accent: #0b1a33; --warn: #f4a39c; --mark: #223046; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 920px; margin: 0 auto; padding: 24px 16px; }
.narrow main { max-width: 480px; padding-top: min(10vh, 96px); }
footer { max-width: 920px; margin: 0 auto; padding: 8px 16px 32px; color: var(--dim); font-size: 14px; }
.narrow footer { max-width: 480px; text-align: center; }
p.actions { margin: 0 0 16px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 8px; font-weight: 600; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 0 0 12px; font-weight: 600; }
p { margin: 0 0 12px; overflow-wrap: anywhere; }
a { color: var(--accent); }
.dim { color: var(--dim); }
.small { font-size: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px; margin: 0 0 16px; }
.rows { list-style: none; margin: 0; padding: 0; }
.rows > li + li { border-top: 1px solid var(--line); }
.row { display: flex; align-items: center; gap: 12px; width: 100%; padding: 12px 4px; text-align: left; text-decoration: none; color: inherit; background: none; border: 0; border-radius: 8px; font: inherit; cursor: pointer; min-width: 0; }
a.row:hover, button.row:hover { background: var(--mark); }
.grow { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.grow > span { display: block; }
.line { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.side { flex: none; text-align: right; }
.side > * { display: block; }
.avatar { flex: none; width: 36px; height: 36px; border-radius: 50%; display: grid; place-items: center; background: hsl(var(--hue) 45% 38%); color: #fff; font-weight: 600; }
.tag { display: inline-block; padding: 0 8px; border-radius: 999px; background: var(--mark); font-size: 13px; }
.actions { display: flex; gap: 12px; flex-wrap: wrap; align-items: center; margin-top: 16px; }
.end { justify-content: flex-end; }
button.button, a.button { display: inline-block; padding: 9px 18px; border-radius: 8px; border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 500; text-decoration: none; cursor: pointer; }
button.plain, a.plain { background: transparent; color: var(--accent); border-color: var(--line); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
label { display: block; margin: 0 0 12px; font-weight: 500; }
label > input, label > textarea, label > select { display: block; width: 100%; margin-top: 4px; }
input, textarea, select { padding: 9px 11px; border: 1px solid var(--line); border-radius: 8px; background: var(--back); color: inherit; font: inherit; min-width: 0; }
input[type=checkbox] { width: 20px; height: 20px; margin: 2px 0 0; accent-color: var(--accent); flex: none; }
label.check { display: flex; gap: 12px; align-items: flex-start; font-weight: 400; margin: 0; padding: 12px 4px; cursor: pointer; }
label.check input { margin-top: 2px; width: 20px; display: block; }
textarea { min-height: 140px; resize: vertical; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 0 16px; }
summary { cursor: pointer; color: var(--accent); padding: 8px 4px; border-radius: 8px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: 12px 0 0; }
pre.raw { font: 13px/1.45 ui-monospace, Menlo, Consolas, monospace; max-height: 480px; overflow: auto; }
.crumb { margin: 0 0 12px; }
.warn { color: var(--warn); }
.notice { background: var(--mark); border-radius: 8px; padding: 10px 14px; margin: 0 0 16px; overflow-wrap: anywhere; }
.labels { margin: 0 0 8px; }
.more { border-top: 1px solid var(--line); padding-top: 8px; }
.more form { margin-top: 8px; }
.mail { padding: 16px 0; border-top: 1px solid var(--line); }
.mail:first-child { border-top: 0; padding-top: 0; }
.mail:last-child { padding-bottom: 0; }
`
