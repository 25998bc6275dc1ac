// winmail.dat is kept as it came: inside a mail it must arrive byte for byte under its name.
import { expect, it } from 'vitest'
import { decodeBytes } from '../../../worker/mail/decode'
import { parseBytes } from '../../../worker/mail/parse'
import { bytesOf, cases } from './corpus'

for (const one of cases.filter((each) => each.group === 'tnef')) {
  for (const named of [true, false]) {
    it(`${one.id} ${named ? 'named' : 'nameless'}: kept byte for byte`, async () => {
      const body = bytesOf(one)
      const base64 = (
        Buffer.from(body)
          .toString('base64')
          .match(/.{1,76}/g) ?? []
      ).join('\r\n')
      const raw = Buffer.from(
        [
          'From: a@example.org',
          'Content-Type: multipart/mixed; boundary="b"',
          '',
          '--b',
          '',
          'Please see the file.',
          '--b',
          `Content-Type: application/ms-tnef${named ? '; name="winmail.dat"' : ''}`,
          'Content-Transfer-Encoding: base64',
          '',
          base64,
          '--b--',
          '',
        ].join('\r\n'),
      )
      const mail = await parseBytes(raw)
      expect(mail.attachments).toMatchObject([
        { filename: 'winmail.dat', size: body.length, inline: false, decision: 'store' },
      ])
      const [{ start, end, encoding } = { start: 0, end: 0, encoding: '' }] = mail.attachments
      expect(Buffer.from(decodeBytes(encoding, raw.subarray(start, end))).equals(body)).toBe(true)
    })
  }
}
