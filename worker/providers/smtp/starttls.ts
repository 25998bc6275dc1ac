// The few lines of SMTP before STARTTLS (RFC 3207). Nothing learned here is used afterwards, and no credential is ever sent.
import type { Dialogue } from '../dialogue'

/** Greeting, EHLO, STARTTLS, handshake. Throws errors shaped like nodemailer's, for one table of causes. */
export async function startTls(talk: Dialogue): Promise<Socket> {
  const greeting = await reply(talk)
  if (!greeting.startsWith('220')) throw refusal('EPROTOCOL', 'CONN', greeting)
  await talk.write('EHLO [127.0.0.1]\r\n')
  const hello = await reply(talk)
  if (!hello.startsWith('250')) throw refusal('EPROTOCOL', 'EHLO', hello)
  await talk.write('STARTTLS\r\n')
  const answer = await reply(talk)
  if (!answer.startsWith('220')) throw refusal('ETLS', 'STARTTLS', answer)
  try {
    return await talk.startTls()
  } catch (cause) {
    throw Object.assign(new Error('handshake failed', { cause }), { code: 'ETLS', command: 'CONN' })
  }
}

/** The last line of a reply; anything that is not one ends the conversation. */
async function reply(talk: Dialogue): Promise<string> {
  const line = await talk.lineMatching(/^(?!\d{3}-)/)
  if (!/^\d{3}( |$)/.test(line)) throw refusal('EPROTOCOL', 'CONN', line)
  return line
}

function refusal(code: string, command: string, response: string): Error {
  return Object.assign(new Error('unexpected reply'), { code, command, response })
}
