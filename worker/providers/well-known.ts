// Servers of well-known mail providers, as a table: by the domain of an address, or by the mail exchangers of a hosted domain.

/** host:port; 993 and 465 mean TLS, 143 and 587 STARTTLS */
type Row = {
  provider: string
  /** domains of addresses */
  domains?: string[]
  /** endings of mail exchanger names, for domains that are hosted there */
  exchangers?: string[]
  imap: string
  smtp: string
  /** the user name is the part before the @ */
  localPart?: boolean
  note?: string
}

const APP_PASSWORD = 'This provider wants an app password instead of the usual one.'
const MICROSOFT = 'Microsoft no longer accepts passwords here; connect with Microsoft instead.'

export const WELL_KNOWN: readonly Row[] = [
  {
    provider: 'Gmail',
    domains: ['gmail.com', 'googlemail.com'],
    exchangers: ['google.com', 'googlemail.com'],
    imap: 'imap.gmail.com:993',
    smtp: 'smtp.gmail.com:465',
    note: 'Google wants an app password (2-Step Verification has to be on).',
  },
  {
    provider: 'Outlook.com',
    domains: [
      'outlook.com',
      'hotmail.com',
      'live.com',
      'msn.com',
      'outlook.de',
      'hotmail.co.uk',
      'hotmail.fr',
      'live.co.uk',
      'live.nl',
    ],
    imap: 'outlook.office365.com:993',
    smtp: 'smtp-mail.outlook.com:587',
    note: MICROSOFT,
  },
  {
    provider: 'Microsoft 365',
    domains: ['office365.com'],
    exchangers: ['mail.protection.outlook.com', 'mx.microsoft'],
    imap: 'outlook.office365.com:993',
    smtp: 'smtp.office365.com:587',
    note: MICROSOFT,
  },
  {
    provider: 'Yahoo Mail',
    domains: [
      'yahoo.com',
      'ymail.com',
      'rocketmail.com',
      'yahoo.co.uk',
      'yahoo.de',
      'yahoo.fr',
      'yahoo.es',
      'yahoo.it',
      'yahoo.ca',
      'yahoo.com.br',
      'yahoo.co.in',
    ],
    exchangers: ['yahoodns.net'],
    imap: 'imap.mail.yahoo.com:993',
    smtp: 'smtp.mail.yahoo.com:465',
    note: APP_PASSWORD,
  },
  {
    provider: 'AOL Mail',
    domains: ['aol.com', 'aim.com'],
    imap: 'imap.aol.com:993',
    smtp: 'smtp.aol.com:465',
    note: APP_PASSWORD,
  },
  {
    provider: 'iCloud Mail',
    domains: ['icloud.com', 'me.com', 'mac.com'],
    exchangers: ['mail.icloud.com'],
    imap: 'imap.mail.me.com:993',
    smtp: 'smtp.mail.me.com:587',
    note: 'Apple wants an app-specific password.',
  },
  {
    provider: 'Fastmail',
    domains: ['fastmail.com', 'fastmail.fm'],
    exchangers: ['messagingengine.com'],
    imap: 'imap.fastmail.com:993',
    smtp: 'smtp.fastmail.com:465',
    note: APP_PASSWORD,
  },
  {
    provider: 'Zoho Mail',
    domains: ['zoho.com', 'zohomail.com'],
    exchangers: ['zoho.com'],
    imap: 'imap.zoho.com:993',
    smtp: 'smtp.zoho.com:465',
    note: 'IMAP access has to be turned on in the Zoho Mail settings.',
  },
  {
    provider: 'Zoho Mail (EU)',
    domains: ['zoho.eu', 'zohomail.eu'],
    exchangers: ['zoho.eu'],
    imap: 'imap.zoho.eu:993',
    smtp: 'smtp.zoho.eu:465',
    note: 'IMAP access has to be turned on in the Zoho Mail settings.',
  },
  {
    provider: 'GMX',
    domains: ['gmx.de', 'gmx.net', 'gmx.at', 'gmx.ch'],
    imap: 'imap.gmx.net:993',
    smtp: 'mail.gmx.net:465',
    note: 'IMAP access has to be turned on in the GMX settings.',
  },
  {
    provider: 'GMX',
    domains: ['gmx.com', 'gmx.us', 'gmx.co.uk'],
    imap: 'imap.gmx.com:993',
    smtp: 'mail.gmx.com:465',
    note: 'IMAP access has to be turned on in the GMX settings.',
  },
  {
    provider: 'WEB.DE',
    domains: ['web.de'],
    imap: 'imap.web.de:993',
    smtp: 'smtp.web.de:465',
    note: 'IMAP access has to be turned on in the WEB.DE settings.',
  },
  {
    provider: 'IONOS',
    domains: ['online.de', '1und1.de'],
    exchangers: ['kundenserver.de', 'ionos.de', '1and1.com', 'ionos.com', 'ionos.co.uk', '1and1.co.uk'],
    imap: 'imap.ionos.de:993',
    smtp: 'smtp.ionos.de:465',
  },
  {
    provider: 'T-Online',
    domains: ['t-online.de', 'magenta.de'],
    imap: 'secureimap.t-online.de:993',
    smtp: 'securesmtp.t-online.de:465',
    note: 'T-Online wants the separate password for e-mail programs.',
  },
  { provider: 'STRATO', exchangers: ['rzone.de', 'strato.de'], imap: 'imap.strato.de:993', smtp: 'smtp.strato.de:465' },
  { provider: 'OVHcloud', exchangers: ['mail.ovh.net', 'ovh.net'], imap: 'ssl0.ovh.net:993', smtp: 'ssl0.ovh.net:465' },
  {
    provider: 'Orange',
    domains: ['orange.fr', 'wanadoo.fr'],
    imap: 'imap.orange.fr:993',
    smtp: 'smtp.orange.fr:465',
  },
  { provider: 'Free', domains: ['free.fr'], imap: 'imap.free.fr:993', smtp: 'smtp.free.fr:465' },
  {
    provider: 'mailbox.org',
    domains: ['mailbox.org'],
    exchangers: ['mailbox.org'],
    imap: 'imap.mailbox.org:993',
    smtp: 'smtp.mailbox.org:465',
  },
  { provider: 'Posteo', domains: ['posteo.de', 'posteo.net'], imap: 'posteo.de:993', smtp: 'posteo.de:465' },
  {
    provider: 'Proton Mail',
    domains: ['proton.me', 'protonmail.com', 'protonmail.ch', 'pm.me'],
    exchangers: ['protonmail.ch'],
    imap: '127.0.0.1:1143',
    smtp: '127.0.0.1:1025',
    note: 'Proton Mail answers mail programs only through Proton Mail Bridge on your own machine; use a forwarding address instead.',
  },
  {
    provider: 'Yandex Mail',
    domains: ['yandex.com', 'yandex.ru', 'ya.ru'],
    exchangers: ['mx.yandex.net', 'mx.yandex.ru'],
    imap: 'imap.yandex.com:993',
    smtp: 'smtp.yandex.com:465',
    note: APP_PASSWORD,
  },
  {
    provider: 'Mail.ru',
    domains: ['mail.ru', 'inbox.ru', 'list.ru', 'bk.ru'],
    exchangers: ['mail.ru'],
    imap: 'imap.mail.ru:993',
    smtp: 'smtp.mail.ru:465',
    note: APP_PASSWORD,
  },
  {
    provider: 'Infomaniak',
    exchangers: ['infomaniak.ch', 'infomaniak.com'],
    imap: 'mail.infomaniak.com:993',
    smtp: 'mail.infomaniak.com:465',
  },
  { provider: 'Gandi', exchangers: ['gandi.net'], imap: 'mail.gandi.net:993', smtp: 'mail.gandi.net:465' },
  {
    provider: 'Hostinger',
    exchangers: ['hostinger.com'],
    imap: 'imap.hostinger.com:993',
    smtp: 'smtp.hostinger.com:465',
  },
  {
    provider: 'Namecheap Private Email',
    exchangers: ['privateemail.com'],
    imap: 'mail.privateemail.com:993',
    smtp: 'mail.privateemail.com:465',
  },
  {
    provider: 'Rackspace Email',
    exchangers: ['emailsrvr.com'],
    imap: 'secure.emailsrvr.com:993',
    smtp: 'secure.emailsrvr.com:465',
  },
  {
    provider: 'QQ Mail',
    domains: ['qq.com', 'foxmail.com'],
    exchangers: ['mxbiz1.qq.com', 'mxbiz2.qq.com'],
    imap: 'imap.qq.com:993',
    smtp: 'smtp.qq.com:465',
    note: 'QQ Mail wants the authorisation code from its settings instead of the password.',
  },
  {
    provider: 'NetEase Mail',
    domains: ['163.com'],
    imap: 'imap.163.com:993',
    smtp: 'smtp.163.com:465',
    note: 'NetEase wants the authorisation code from its settings instead of the password.',
  },
  {
    provider: 'Naver Mail',
    domains: ['naver.com'],
    imap: 'imap.naver.com:993',
    smtp: 'smtp.naver.com:465',
    localPart: true,
    note: 'IMAP/SMTP has to be turned on in the Naver Mail settings.',
  },
]
