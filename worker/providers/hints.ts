// What a person can do about a mail server's refusal, by the server's own words first and by its host name second. Pure tables.

type Hint = { host?: RegExp; text?: RegExp; hint: string }

const MICROSOFT = /(^|\.)(office365\.com|outlook\.com|hotmail\.com|live\.com)$/i

/** First match wins. Where both are given, both must match. */
const HINTS: readonly Hint[] = [
  {
    text: /basic ?auth(entication)? ?(is )?(blocked|disabled)|BasicAuthBlocked/i,
    hint: 'Microsoft no longer accepts passwords here. Connect this mailbox with Microsoft instead of a password.',
  },
  {
    text: /5\.7\.139|SmtpClientAuthentication is disabled/i,
    hint: 'SMTP AUTH is switched off for this mailbox or organisation. An administrator can turn on "Authenticated SMTP" for it in the Microsoft 365 admin centre; better, connect it with Microsoft instead of a password.',
  },
  {
    host: MICROSOFT,
    hint: 'Microsoft 365 and Outlook.com no longer accept passwords here. Connect this mailbox with Microsoft instead of a password.',
  },
  {
    text: /web login required|WEBALERT/i,
    hint: 'Google has blocked this sign-in. Sign in to the account in a browser once, allow the access, then use an app password.',
  },
  {
    host: /(^|\.)(gmail|googlemail|google)\.com$/i,
    hint: 'Google wants an app password: turn on 2-Step Verification, then create one at myaccount.google.com/apppasswords and use it here.',
  },
  {
    host: /(^|\.)(yahoo\.[a-z.]+|aol\.com|att\.net)$/i,
    hint: 'This provider wants an app password: create one under Account security → Generate app password, and use it here.',
  },
  {
    host: /(^|\.)(mail\.me\.com|icloud\.com)$/i,
    hint: 'Apple wants an app-specific password: create one at account.apple.com under Sign-In and Security, and use it here. The user name is the part before the @.',
  },
  {
    host: /(^|\.)fastmail\.com$/i,
    hint: 'Fastmail wants an app password: create one under Settings → Privacy & Security → Manage app passwords.',
  },
  {
    host: /(^|\.)zoho\.[a-z.]+$/i,
    hint: 'Turn on IMAP access in the Zoho Mail settings; with two-factor sign-in, create an app password at accounts.zoho.com and use it here.',
  },
  {
    host: /(^|\.)(gmx\.(net|com|de|at|ch)|web\.de)$/i,
    hint: 'Turn on access by IMAP in the settings of the webmail (E-Mail → POP3 & IMAP); with two-factor sign-in, an app password is needed.',
  },
  {
    host: /(^|\.)t-online\.de$/i,
    hint: 'T-Online wants the separate password for e-mail programs: set one in the customer centre.',
  },
  {
    host: /(^|\.)(yandex\.[a-z.]+|mail\.ru)$/i,
    hint: 'This provider wants an app password, and IMAP turned on in the mail settings.',
  },
  {
    host: /(^|\.)(qq\.com|163\.com|126\.com|naver\.com)$/i,
    hint: 'Turn on IMAP/SMTP in the settings of the webmail and use the authorisation code or app password it shows.',
  },
  {
    host: /(^|\.)(proton\.me|protonmail\.com|protonmail\.ch)$/i,
    hint: 'Proton Mail answers mail programs only through Proton Mail Bridge; use the host, port and password that Bridge shows.',
  },
  {
    text: /app(lication)?[- ]?(specific)?[- ]?password/i,
    hint: 'This provider wants an app password: create one in the security settings of the account and use it here.',
  },
]

const GENERIC =
  'Check the user name (often the whole address) and the password. With two-factor sign-in, most providers want an app password.'

/** One sentence on what to do after a refused login. `serverText` is what the server said. */
export function hintFor(host: string, serverText: string): string {
  const hit = HINTS.find((row) => (row.host?.test(host) ?? true) && (row.text?.test(serverText) ?? true))
  return hit?.hint ?? GENERIC
}
