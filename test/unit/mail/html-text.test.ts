// HTML to the text a reader would see.
import { describe, expect, it } from 'vitest'
import { htmlToText } from '../../../worker/mail/html-text'

const table: [string, string, string][] = [
  ['blocks as lines and paragraphs', '<div>a</div><div>b</div><p>c</p><p>d<br>e</p>', 'a\nb\n\nc\n\nd\ne'],
  ['collapsed white space', '<p>  a\n\t b <b> c </b> d </p>', 'a b c d'],
  ['entities, known and unknown', '&lt;b&gt; &amp;&nbsp;&euro;&#228;&#x1F600;&bogus; &#0;', '<b> & €ä😀&bogus; \ufffd'],
  [
    'no scripts, styles, titles or comments',
    '<head><title>t</title><style>s{}</style></head><!-- c --><script>if(a<b)x()</script>y',
    'y',
  ],
  [
    'layout tables keep their words',
    '<table><tr><td><table><tr><td><p>Hello</p></td></tr></table></td></tr><tr><td>a</td><td>b</td></tr></table>',
    'Hello\n\na b',
  ],
  ['lists', '<ul><li>a<li>b<ol><li>c</li><li>d</li></ol></ul>e', '- a\n- b\n1. c\n2. d\n\ne'],
  [
    'quotes',
    '<p>new</p><blockquote type="cite">old<blockquote>older</blockquote></blockquote>end',
    'new\n\n> old\n>\n>> older\n>\n\nend',
  ],
  ['preformatted text', '<pre>a\n  b\n\nc</pre>d', 'a\n  b\n\nc\n\nd'],
  ['links by their text', '<a href="https://x.example/t?u=1">Pay now</a>', 'Pay now'],
  [
    'images by their description, not by a file name',
    '<img alt="Sale today"><img alt="a.png"><img alt="http://x.example/y"> z',
    'Sale today z',
  ],
  ['no hidden preview line', '<div style="display:none">preview &zwnj;</div><p>body</p>', 'body'],
  ['no padding of invisible characters', '<div>&nbsp;&zwnj;&nbsp;&zwnj;&#847;</div><p>body</p>', 'body'],
  ['hidden text where nothing else is', '<div style="display: none">only</div>', 'only'],
  ['all text where a hidden element never ends', '<span style="display:none">a<p>b', 'a\n\nb'],
  ['a head that never closes', '<head><meta charset=utf-8><body>x', 'x'],
  ['Outlook conditional comments', '<!--[if mso]><p>outlook</p><![endif]--><![if !mso]><p>all</p><![endif]>', 'all'],
  ['broken tags', 'a < b <p <b>c</b> <>d</ >', 'a < b\n\nc <>d'],
  ['plain text', 'just text', 'just text'],
  ['nothing', '', ''],
]
describe('text of HTML', () => {
  for (const [name, html, text] of table) it(name, () => expect(htmlToText(html)).toBe(text))
})
