// A local SMTP server that accepts everything and delivers nothing, with a small web page to read what was sent.
// Part of `npm start`, so that replies can be seen without a mail server; tests use it as the receiving side.
import http from 'node:http'
import { simpleParser } from 'mailparser'
import { SMTPServer } from 'smtp-server'

const MAX_KEPT = 500

/**
 * Starts the catcher on loopback. `user`/`password`: what AUTH must give, when set.
 * `respond(envelope, raw)` may return an Error (with responseCode) to refuse the message.
 * @returns {Promise<{ smtpPort: number, webPort: number | null, messages: { id: number, at: string, envelope: { from: string, to: string[] }, raw: Buffer }[], close(): Promise<void> }>}
 */
export async function startCatcher({
  smtpPort = 0,
  webPort = null,
  user = null,
  password = null,
  respond = null,
} = {}) {
  const messages = []
  let nextId = 1
  const smtp = new SMTPServer({
    disabledCommands: user ? ['STARTTLS'] : ['STARTTLS', 'AUTH'],
    authOptional: !user,
    allowInsecureAuth: true,
    size: 200 * 1024 * 1024,
    onAuth(auth, _session, done) {
      if (auth.username === user && auth.password === password) return done(null, { user })
      done(Object.assign(new Error('5.7.8 Authentication credentials invalid'), { responseCode: 535 }))
    },
    onData(stream, session, done) {
      const chunks = []
      stream.on('data', (chunk) => chunks.push(chunk))
      stream.on('end', () => {
        const raw = Buffer.concat(chunks)
        const envelope = {
          from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
          to: session.envelope.rcptTo.map((rcpt) => rcpt.address),
        }
        const refusal = respond?.(envelope, raw)
        if (refusal) return done(refusal)
        messages.unshift({ id: nextId++, at: new Date().toISOString(), envelope, raw })
        messages.length = Math.min(messages.length, MAX_KEPT)
        done(null, `queued as ${messages[0].id}`)
      })
    },
  })
  smtp.on('error', () => {})
  await new Promise((resolve, reject) => {
    smtp.server.once('error', reject)
    smtp.listen(smtpPort, '127.0.0.1', resolve)
  })
  const web = webPort === null ? null : await startPage(messages, webPort)
  return {
    smtpPort: smtp.server.address().port,
    webPort: web ? web.address().port : null,
    messages,
    async close() {
      await Promise.all([
        new Promise((resolve) => smtp.close(resolve)),
        web ? new Promise((resolve) => web.close(resolve)) : null,
      ])
    },
  }
}

async function startPage(messages, port) {
  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const one = /^\/messages\/(\d+)\.eml$/.exec(url.pathname)
    if (url.pathname === '/messages.json') {
      response.setHeader('content-type', 'application/json')
      const rows = messages.map((message) => ({
        id: message.id,
        at: message.at,
        envelope: message.envelope,
        size: message.raw.length,
        raw: url.searchParams.has('raw') ? message.raw.toString('latin1') : undefined,
      }))
      return response.end(JSON.stringify(rows))
    }
    if (one) {
      const found = messages.find((message) => message.id === Number(one[1]))
      response.statusCode = found ? 200 : 404
      response.setHeader('content-type', 'message/rfc822')
      return response.end(found?.raw)
    }
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.setHeader('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
    response.end(
      page(
        await Promise.all(
          messages.slice(0, 50).map(async (message) => ({ ...message, mail: await simpleParser(message.raw) })),
        ),
      ),
    )
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

const escapeHtml = (text) =>
  String(text ?? '').replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char])

function page(rows) {
  const items = rows.map(
    ({ id, at, envelope, mail }) => `<article><h2>${escapeHtml(mail.subject ?? '(no subject)')}</h2>
<p class="meta">${escapeHtml(at)} · from ${escapeHtml(envelope.from || '<>')} to ${escapeHtml(envelope.to.join(', '))} · <a href="/messages/${id}.eml">original</a>${mail.attachments.length ? ` · ${mail.attachments.length} attachment(s): ${escapeHtml(mail.attachments.map((item) => item.filename).join(', '))}` : ''}</p>
<pre>${escapeHtml((mail.text ?? '').slice(0, 4000))}</pre></article>`,
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5"><title>Sent mail · Postroom</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}article{border:1px solid #8886;border-radius:8px;padding:.5rem 1rem;margin:1rem 0}h2{font-size:1.1rem;margin:.2rem 0}pre{white-space:pre-wrap;overflow-wrap:anywhere}.meta{opacity:.8}</style>
<h1>Sent mail</h1><p>What Postroom sent to this local SMTP catcher. Nothing leaves this machine.</p>${items.join('') || '<p>Nothing yet. Reply to a ticket and it shows up here.</p>'}</html>`
}
