// Where a parser or a project states something else than we do on purpose, with the reason. A line that is no longer needed fails the test.

type Reasons = Record<string, string>

const MULTIPLE_FROM = 'a ticket has one sender: the first From mailbox'
const NO_DOMAIN = 'a sender without a domain is no address to answer; the classifier still sees its name'
const PHRASE = 'the oracle kept the whole phrase; the ids within it are what can be matched'
const AS_TEXT = 'nothing could be taken apart, so the reader gets what is there instead of an empty ticket'
const LATIN = 'the oracle shows U+FFFD for bytes without a usable charset; windows-1252 is readable'
const UU = 'uuencoded files in the text are taken out and listed as attachments'

/** Against the agreement of CPython email and mailparser. */
export const CONSENSUS: Record<string, Reasons> = {
  subject: {
    'zammad/mail046': LATIN,
    'zbateson/m2015': LATIN,
  },
  message_id: {},
  in_reply_to: {
    'spamassassin/easy-ham-1/00390.1b4f14e80c8e7797dce79cf5dc22b625': PHRASE,
    'spamassassin/easy-ham-1/00970.b567daf8f05ff88b2cc4418bdc993913': PHRASE,
    'spamassassin/easy-ham-1/01100.3f3a79ad6a2cdd501aa86421fb5157a5': PHRASE,
    'spamassassin/easy-ham-2/00173.cc3194ab88e30b4f6196be879cfc8a56': PHRASE,
    'spamassassin/easy-ham-2/00792.0456a0df8da92cfb4d989b517ed0ff57': PHRASE,
    'spamassassin/easy-ham-2/01141.0ceb258e88ffd24031d1501789d50124': PHRASE,
  },
  references: {},
  from: {
    'mikel-mail/rfc2822/example13': 'RFC 5322 section 4.5 allows "From  :"; both oracles miss it',
    'enmime/mail/qp-utf8-header-no-break': MULTIPLE_FROM,
    'enmime/mail/qp-utf8-header': MULTIPLE_FROM,
    'mimekit/messages/feedback-report': 'From stands behind a byte order mark, which both oracles take for its name',
    'sisimai/bsd/lhost-sendmail-04': NO_DOMAIN,
    'sisimai/bsd/lhost-sendmail-09': NO_DOMAIN,
    'sisimai/bsd/lhost-sendmail-53': NO_DOMAIN,
    'sisimai/bsd/lhost-sendmail-58': NO_DOMAIN,
  },
  to: {
    'mikel-mail/plain_emails/raw_email_multiple_from': 'two addresses without a comma are both recipients',
    'mikel-mail/rfc2822/example13': 'RFC 5322 section 4.5 allows "To    :"; both oracles miss it',
    'spamassassin/spam-1/00320.20dcbb5b047b8e2f212ee78267ee27ad':
      'RFC 2047 section 5 forbids encoded words in addresses; decoding them would let a sender forge one',
  },
  cc: {},
  text: {
    'zammad/mail023': LATIN,
    'zammad/mail025': UU,
    'zbateson/m0018': UU,
    'zbateson/m1010': LATIN,
    'stalwart/malformed/002': AS_TEXT,
    'stalwart/malformed/004': AS_TEXT,
    'mime4j/testmsgs/malformedHeader-noheader': 'a message without any header is all body',
    'mime4j/testmsgs/missing-boundary': AS_TEXT,
    'mime4j/testmsgs/multipartnopart': AS_TEXT,
    'enmime/parts/ctype-invalid-characters': 'an unreadable type is read as text (RFC 2045 section 5.2)',
    'python/msg_17': AS_TEXT,
    'python/msg_31': AS_TEXT,
  },
  attachments: {
    'zammad/mail025': UU,
    'zbateson/m0018': UU,
    'mime4j/mimetools-testmsgs/uu-junk': UU,
    'zbateson/m1006': 'a Windows path in a name keeps its last segment',
  },
}

/** Against what the projects' own tests state. */
export const STATED: Record<string, Record<string, Reasons>> = {
  zammad: {
    subject: { 'zammad/mail046': 'raw GB2312 bytes without any declaration in the message itself' },
    from: { 'zammad/mail053': NO_DOMAIN, 'zammad/mail076': 'broken quoting', 'zammad/mail087': 'broken form' },
    name: {
      'zammad/mail046': 'raw GB2312 bytes without any declaration in the message itself',
      'zammad/mail053': NO_DOMAIN,
      'zammad/mail076': 'the name was part of a quoted local part',
      'zammad/mail087': '"Test test@example.com" is a name and an address',
    },
    attachments: {
      'zammad/mail046':
        'an embedded message is stored as it was sent, not encoded again; its subject has the undeclared charset',
      'zammad/mail087': 'the sizes stated are of the source file before decoding',
    },
  },
  stalwart: {
    attachments: {
      'stalwart/malformed/002': AS_TEXT,
      'stalwart/malformed/004': AS_TEXT,
      'stalwart/malformed/006': AS_TEXT,
      'stalwart/malformed/016': 'its named parts are body text, by the rule for text without a filename',
    },
    text: {
      'zbateson/m1010': LATIN,
      'stalwart/malformed/016': 'only the first text part is stated; a reader sees them all',
      'stalwart/malformed/019': AS_TEXT,
      'stalwart/rfc/007': 'only the first text part is stated; a reader sees them all',
      'stalwart/thirdparty/005': 'only the first text part is stated; a reader sees them all',
    },
  },
  zbateson: {
    subject: {
      'zbateson/m1011': 'UTF-7 in a raw header is no encoding of headers; decoding it would change subjects with a "+"',
    },
    to: {
      'zbateson/m1011': 'UTF-7 in a raw header is no encoding of headers; decoding it would change subjects with a "+"',
      'zbateson/m3004': 'only the first recipient is stated',
    },
    attachments: { 'zbateson/m1009': 'a named text part after the body is a file' },
    text: { 'zbateson/m1011': 'the UTF-7 of this file is damaged, and every parser reads it so' },
  },
  mime4j: {
    bodies: {
      'mime4j/testmsgs/malformedHeader-noheader': 'a message without any header is all body',
      'mime4j/testmsgs/missing-boundary': AS_TEXT,
      'mime4j/testmsgs/multipartnopart': AS_TEXT,
      'mime4j/testmsgs/very-long-boundary':
        'RFC 2046 section 5.1.1: no boundary ends in a space; white space after it is padding',
    },
  },
}
