import { expect, test } from 'vitest'
import { sanitizeHtml } from '../../../worker/mail/sanitize'

test('sanitizeHtml runs in workerd', () => {
  const { html, blockedRemote } = sanitizeHtml(
    '<p style="color:red;background:url(x)" onclick="alert(1)">Hi<script>alert(1)</script> <img src="https://x.example/a.png"></p>',
    { cid: () => null, allowRemote: false },
  )
  expect(html).toBe('<p style="color:red">Hi <img data-remote-src="https://x.example/a.png" /></p>')
  expect(blockedRemote).toBe(1)
})
