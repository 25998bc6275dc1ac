// `npm run demo`: a dozen realistic mails, replies and attachments through Email Routing's local handler into a forwarding inbox.
import { deflateSync } from 'node:zlib'
import { ensurePackages } from './lib/install.mjs'

ensurePackages()
const { default: MailComposer } = await import('nodemailer/lib/mail-composer/index.js')
const { call, deliver, demoSession, runningInstance } = await import('./lib/local.mjs')

const ADDRESS = 'support@acme-helpdesk.example'
const local = await runningInstance()
const { base } = local
const session = await demoSession(local)
const api = (method, route, body) => call(base, method, route, { body, jar: session.jar })

const inbox =
  (await api('GET', '/api/inboxes')).items.find((item) => item.emailAddress === ADDRESS) ?? (await makeInbox())
const stamp = Date.now().toString(36)
let sent = 0

const id = (name) => `<${name}.${stamp}@mail.example>`
const jane = { name: 'Jane Miller', address: 'jane.miller@northwind.example' }
const kenji = { name: '田中 健二', address: 'k.tanaka@sakura-trading.example' }

await mail({
  from: jane,
  subject: 'Invoice 2041 was charged twice',
  name: 'jane-1',
  minutesAgo: 190,
  text: 'Hello,\n\nour card was charged twice for invoice 2041 (2 × 249.00 EUR). Please find the bank statement attached.\n\nCould you refund one of them?\n\nBest regards\nJane Miller\nNorthwind Ltd.',
  attachments: [{ filename: 'statement-november.pdf', content: pdf('Bank statement November: 2 x 249.00 EUR') }],
})
await mail({
  from: { name: 'Björn Öhman', address: 'bjorn@fjallbyra.example' },
  subject: 'Kan inte logga in',
  name: 'bjorn-1',
  minutesAgo: 175,
  text: 'Hej!\n\nJag får "fel lösenord" fast jag precis bytte det. Skärmdump bifogas.\n\n/Björn',
  attachments: [{ filename: 'skärmdump.png', content: png(320, 120, [214, 69, 65]) }],
})
await mail({
  from: jane,
  subject: 'Re: Invoice 2041 was charged twice',
  name: 'jane-2',
  parent: 'jane-1',
  references: ['jane-1'],
  minutesAgo: 160,
  text: `One more thing: the second charge came one day later, on the 14th.\n\nJane\n\nOn Fri, 20 Nov 2026 at 09:12, Jane Miller <${jane.address}> wrote:\n> Hello,\n>\n> our card was charged twice for invoice 2041 (2 × 249.00 EUR). Please find\n> the bank statement attached.\n`,
  attachments: [],
})
await mail({
  from: { name: 'Oliver Grant', address: 'oliver@grantandsons.example' },
  subject: 'Feature question: export to CSV',
  name: 'oliver-1',
  minutesAgo: 140,
  html: '<p>Hi team,</p><p>is there a way to export <b>all</b> contacts to CSV? We tried:</p><ul><li>the report page</li><li>the API (403)</li></ul><p>Thanks,<br>Oliver</p><img src="https://tracker.example/pixel.gif" width="1" height="1" alt="">',
  text: 'Hi team,\n\nis there a way to export all contacts to CSV?\n\nThanks,\nOliver',
})
await mail({
  from: kenji,
  subject: '請求書の宛名変更について',
  name: 'kenji-1',
  minutesAgo: 130,
  text: 'お世話になっております。\n\n来月分から請求書の宛名を「さくら商事株式会社」に変更していただけますでしょうか。\n\n田中',
})
await mail({
  from: { name: 'Maria Rossi', address: 'maria.rossi@officina.example' },
  subject: 'Damaged parcel, order 88213',
  name: 'maria-1',
  minutesAgo: 120,
  html: '<p>Good morning, the parcel arrived like this:</p><p><img src="cid:photo1@officina" alt="the parcel" width="320"></p><p>The packing list is attached too.</p><p>Maria</p>',
  text: 'Good morning, the parcel arrived like this (see picture). The packing list is attached too.\n\nMaria',
  attachments: [
    { filename: 'parcel.png', cid: 'photo1@officina', content: png(320, 200, [120, 90, 60]) },
    { filename: 'packing-list.csv', content: 'sku,quantity\nA-100,2\nB-220,1\n' },
  ],
})
await mail({
  from: { name: 'Statuspage', address: 'no-reply@status.example' },
  subject: '[Resolved] Elevated error rates',
  name: 'status-1',
  minutesAgo: 100,
  headers: { 'List-Id': '<status.example>', Precedence: 'bulk', 'Auto-Submitted': 'auto-generated' },
  text: 'The incident from this morning has been resolved.',
})
await mail({
  from: { name: 'Chloé Dubois', address: 'chloe@atelier-dubois.example' },
  subject: 'Changement de formule',
  name: 'chloe-1',
  minutesAgo: 80,
  text: 'Bonjour,\n\nnous aimerions passer à la formule Business à partir du 1er décembre. Combien cela coûterait-il pour 14 personnes ?\n\nCordialement,\nChloé Dubois',
})
await mail({
  from: { name: 'Sam Patel', address: 'sam@patel-logistics.example' },
  subject: 'URGENT: webhook deliveries stopped',
  name: 'sam-1',
  minutesAgo: 60,
  text: 'Since 08:40 UTC we get no webhooks. Log excerpt attached. This blocks our dispatch.\n\nSam',
  attachments: [
    {
      filename: 'webhook.log',
      content: Array.from(
        { length: 400 },
        (_, line) => `2026-11-20T08:${String(40 + (line % 20)).padStart(2, '0')}:00Z delivery ${line} timeout`,
      ).join('\n'),
    },
  ],
})
await mail({
  from: { name: 'Sam Patel', address: 'sam@patel-logistics.example' },
  subject: 'RE: URGENT: webhook deliveries stopped',
  name: 'sam-2',
  parent: 'sam-1',
  references: ['sam-1'],
  minutesAgo: 50,
  text: 'It is back since 09:05. Please tell us what happened.\n\n-----Original Message-----\nFrom: Sam Patel <sam@patel-logistics.example>\nSent: Friday, November 20, 2026 9:00 AM\nTo: support@acme-helpdesk.example\nSubject: URGENT: webhook deliveries stopped\n\nSince 08:40 UTC we get no webhooks. Log excerpt attached.',
})

// One conversation both ways: we answer Jane, and her mail program answers that.
const tickets = (await api('GET', '/api/tickets?q=invoice&limit=50')).items
const ticket = tickets.find((item) => item.contact.email === jane.address)
if (local.smtpPort && ticket) {
  const reply = await api('POST', `/api/tickets/${ticket.id}/replies`, {
    text: 'Hello Jane,\n\nsorry about that. I have refunded the second charge; it will be on your account within three days.\n\nDemo Owner',
  })
  await mail({
    from: jane,
    subject: 'Re: Invoice 2041 was charged twice',
    name: 'jane-3',
    parentId: `<${reply.messageId}>`,
    references: ['jane-1', 'jane-2'],
    minutesAgo: 1,
    text: 'Great, thank you for the quick help!\n\nJane',
  })
  await mail({
    from: jane,
    subject: 'Automatic reply: Invoice 2041 was charged twice',
    name: 'jane-4',
    parentId: `<${reply.messageId}>`,
    minutesAgo: 0,
    headers: { 'Auto-Submitted': 'auto-replied' },
    text: 'I am out of the office until Monday.',
  })
}

console.log(`${sent} mails went to ${ADDRESS}. Open ${local.address ?? base}`)
console.log(`Sign in as ${session.email} with the password ${session.password}, or as the owner you made.`)

async function makeInbox() {
  const made = await api('POST', '/api/inboxes', {
    name: 'Acme support',
    displayName: 'Acme Support',
    emailAddress: ADDRESS,
    connectionType: 'forward',
  })
  if (local.smtpPort) {
    await api('PUT', `/api/inboxes/${made.id}/connection/imap`, {
      smtp: { host: 'localhost', port: local.smtpPort, security: 'none', username: '', password: '' },
    })
  }
  return made
}

async function mail({
  from,
  subject,
  name,
  parent,
  parentId,
  references = [],
  minutesAgo,
  text,
  html,
  attachments = [],
  headers = {},
}) {
  const inReplyTo = parentId ?? (parent ? id(parent) : undefined)
  const raw = await new MailComposer({
    from,
    to: { name: inbox.displayName, address: ADDRESS },
    subject,
    messageId: id(name),
    inReplyTo,
    references: [...references.map(id), ...(parentId ? [parentId] : [])],
    date: new Date(Date.now() - minutesAgo * 60_000),
    text,
    html,
    attachments,
    headers,
  })
    .compile()
    .build()
  await deliver(base, { from: from.address, to: ADDRESS, raw })
  sent += 1
}

/** A small valid PNG of one colour with a darker frame. */
function png(width, height, [r, g, b]) {
  const rows = Buffer.alloc((width * 3 + 1) * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const dark = x < 6 || y < 6 || x >= width - 6 || y >= height - 6 ? 0.6 : 1
      rows.set([r * dark, g * dark, b * dark], y * (width * 3 + 1) + 1 + x * 3)
    }
  }
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const out = Buffer.alloc(body.length + 8)
    out.writeUInt32BE(data.length, 0)
    body.copy(out, 4)
    out.writeUInt32BE(crc32(body), body.length + 4)
    return out
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function crc32(bytes) {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

/** A one-page PDF with one line of text. */
function pdf(line) {
  const stream = `BT /F1 18 Tf 60 760 Td (${line}) Tj ET`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ]
  let text = '%PDF-1.4\n'
  const offsets = objects.map((object, index) => {
    const at = text.length
    text += `${index + 1} 0 obj\n${object}\nendobj\n`
    return at
  })
  const start = text.length
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('')}trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`
  return Buffer.from(text, 'latin1')
}
