import { describe, expect, test } from 'vitest'
import { newPart } from '../../../worker/mail/quote'

const fresh = (text: string) => {
  const { text: part, quoted } = newPart(text)
  return quoted ? part : 'WHOLE'
}

describe('attribution lines', () => {
  test.each([
    ['English, Gmail', 'On Mon, Feb 3, 2026 at 10:15 AM Ada Byron <ada@x.example> wrote:'],
    [
      'English, wrapped by Gmail',
      'On Mon, Feb 3, 2026 at 10:15 AM Ada Byron with a long name <\nada.byron@some.where.example> wrote:',
    ],
    ['English, Apple Mail', 'On 3. Feb 2026, at 10:15, Ada Byron <ada@x.example> wrote:'],
    ['English, Thunderbird', 'On 2/3/26 10:15, Ada Byron wrote:'],
    ['English, Yahoo', 'On Monday, February 3, 2026 at 10:15:00 AM GMT+1, Ada <ada@x.example> wrote:'],
    ['English, Zoho', '---- On Tue, 03 Feb 2026 10:15:43 +0100 Ada <ada@x.example> wrote ----'],
    ['English, Notes', 'Ada Byron/DE/ACME wrote on 03/02/2026 10:15:12 AM:'],
    ['ours', 'On Fri, 20 Nov 2026 at 12:30 UTC, Support <support@desk.example> wrote:'],
    ['German, Gmail', 'Am Mo., 3. Feb. 2026 um 10:15 Uhr schrieb Ada Byron <ada@x.example>:'],
    ['German, name first', 'Ada Byron <ada@x.example> schrieb am Mo., 3. Feb.\n2026 um 10:15:'],
    ['German, Apple Mail', 'Am 03.02.2026 um 10:15 schrieb Ada Byron <ada@x.example>:'],
    ['French, Gmail', 'Le lun. 3 févr. 2026 à 10:15, Ada Byron <ada@x.example> a écrit :'],
    ['French, Apple Mail', 'Le 3 févr. 2026 à 10:15, Ada Byron <ada@x.example> a écrit :'],
    ['French with a no-break space', 'Le lun. 3 févr. 2026 à 10:15, Ada <ada@x.example> a écrit\u00a0:'],
    ['Spanish', 'El lun, 3 feb 2026 a las 10:15, Ada Byron (<ada@x.example>) escribió:'],
    ['Portuguese', 'Em seg., 3 de fev. de 2026 às 10:15, Ada Byron <ada@x.example>\nescreveu:'],
    ['Dutch', 'Op ma 3 feb 2026 om 10:15 schreef Ada Byron <ada@x.example>:'],
    ['Japanese, Gmail', '2026年2月3日(火) 10:15 山田太郎 <yamada@x.example>:'],
    ['Japanese, Apple Mail', '2026/02/03 10:15、山田太郎 <yamada@x.example>のメール:'],
    ['Italian', 'Il giorno lun 3 feb 2026 alle ore 10:15 Ada Byron <ada@x.example> ha scritto:'],
    ['Polish', 'pon., 3 lut 2026 o 10:15 Ada Byron <ada@x.example> napisał(a):'],
    ['Russian', 'пн, 3 февр. 2026 г. в 10:15, Ada Byron <ada@x.example>:'],
    ['Swedish', 'Den mån 3 feb. 2026 kl 10:15 skrev Ada Byron <ada@x.example>:'],
    ['Danish', 'Den man. 3. feb. 2026 kl. 10.15 skrev Ada Byron <ada@x.example>:'],
    ['Norwegian', 'man. 3. feb. 2026 kl. 10:15 skrev Ada Byron <ada@x.example>:'],
    ['Chinese, Gmail', 'Ada Byron <ada@x.example> 于2026年2月3日周二 10:15写道：'],
    ['Chinese, Apple Mail', '在 2026年2月3日，上午10:15，Ada <ada@x.example> 写道：'],
    ['Korean', '2026년 2월 3일 (화) 오전 10:15, Ada <ada@x.example>님이 작성:'],
  ])('%s', (_mailer, opener) => {
    for (const quote of ['> Hello,\n>\n> how are you?', 'Hello,\n\nhow are you?']) {
      expect(fresh(`Thanks!\n\n${opener}\n\n${quote}\n`)).toBe('Thanks!')
      expect(fresh(`Thanks!\r\n${opener}\r\n${quote.replaceAll('\n', '\r\n')}`)).toBe('Thanks!')
    }
  })

  test.each([
    'On 12 May at 10:30 I wrote:\n\nPlease cancel my order.\n\nNobody answered.',
    'Am 12.05.2026 um 10:30 schrieb ich:\n\nBitte stornieren.\n\nKeine Antwort.',
    'Le 12 mai 2026 à 10:30 vous a écrit quelqu’un de chez nous :\n\nMerci.',
    'Hello,\n\nas I wrote:\n\nplease call me.',
    'Here is what he wrote:\n\nOn Mon, Feb 3, 2026 at 10:15 AM Ada <ada@x.example> wrote:\n\nThe offer stands.',
    'Our meeting on 3 Feb 2026 at 10:15:\n\n- prices\n- terms',
    'Please write to ada@x.example:\n\nShe knows.',
    'The log says at 10:15:\nerror 2026-02-03\nfoo@bar:',
    'See https://x.example/on-2026-02-03-at-10:15-somebody-wrote:\n\nand more',
  ])('is not: %j', (text) => {
    expect(newPart(`Hello,\n\n${text}`)).toEqual({ text: `Hello,\n\n${text}`, quoted: false })
  })
})

describe('header blocks', () => {
  test.each([
    ['English', 'From: Ada <ada@x.example>\nSent: Tuesday, February 3, 2026 10:15 AM\nTo: Support\nSubject: RE: Order'],
    [
      'bold',
      '*From:* Ada <ada@x.example>\n*Sent:* Tuesday, February 3, 2026 10:15 AM\n*To:* Support\n*Subject:* RE: Order',
    ],
    [
      'below a rule',
      '________________________________\nFrom: Ada <ada@x.example>\nSent: Tuesday, February 3, 2026\nTo: Support\nSubject: Order',
    ],
    [
      'with empty lines between',
      'From: Ada <ada@x.example>\n\nSent: Tuesday, February 3, 2026\n\nTo: Support\n\nSubject: Order',
    ],
    [
      'with a long To',
      `From: Ada <ada@x.example>\nSent: 3 Feb 2026\nTo: ${'a@x.example;\n b@x.example;\n '.repeat(8)}\nCc: c@x.example\nSubject: Order`,
    ],
    [
      'German',
      'Von: Ada <ada@x.example>\nGesendet: Dienstag, 3. Februar 2026 10:15\nAn: Support\nBetreff: AW: Bestellung',
    ],
    ['French', 'De : Ada <ada@x.example>\nEnvoyé : mardi 3 février 2026 10:15\nÀ : Support\nObjet : RE: Commande'],
    [
      'French with no-break spaces',
      'De\u00a0: Ada\nEnvoyé\u00a0: mardi 3 février 2026 10:15\nÀ\u00a0: Support\nObjet\u00a0: RE: Commande',
    ],
    [
      'Spanish',
      'De: Ada <ada@x.example>\nEnviado el: martes, 3 de febrero de 2026 10:15\nPara: Support\nAsunto: RE: Pedido',
    ],
    [
      'Portuguese',
      'De: Ada <ada@x.example>\nEnviada em: terça-feira, 3 de fevereiro de 2026 10:15\nPara: Support\nAssunto: RES: Pedido',
    ],
    [
      'Dutch',
      'Van: Ada <ada@x.example>\nVerzonden: dinsdag 3 februari 2026 10:15\nAan: Support\nOnderwerp: RE: Bestelling',
    ],
    ['Japanese', '差出人: Ada <ada@x.example>\n送信日時: 2026年2月3日 10:15\n宛先: Support\n件名: Re: 注文'],
    ['Italian', 'Da: Ada <ada@x.example>\nInviato: martedì 3 febbraio 2026 10:15\nA: Support\nOggetto: R: Ordine'],
    ['Polish', 'Od: Ada <ada@x.example>\nWysłano: wtorek, 3 lutego 2026 10:15\nDo: Support\nTemat: Zamówienie'],
    ['Russian', 'От: Ada <ada@x.example>\nОтправлено: 3 февраля 2026 г. 10:15\nКому: Support\nТема: Заказ'],
    ['Chinese', '发件人： Ada <ada@x.example>\n发送时间： 2026年2月3日 10:15\n收件人： Support\n主题： 回复: 订单'],
    [
      'Apple Mail on iOS',
      'From: Ada <ada@x.example>\nDate: February 3, 2026 at 10:15:00 AM GMT+1\nTo: Support\nSubject: Order',
    ],
  ])('%s', (_name, block) => {
    expect(fresh(`Thanks!\n\n${block}\n\nHello,\nhow are you?`)).toBe('Thanks!')
  })

  test('right below the words only with everything in it', () => {
    expect(
      fresh('Thanks!\nFrom: Ada <ada@x.example>\nSent: 3 Feb 2026 10:15\nTo: Support\nSubject: Order\n\nHello'),
    ).toBe('Thanks!')
    expect(fresh('Fields:\nFrom: Ada\nDate: 3\nSubject: Order\nmore')).toBe('WHOLE')
  })

  // 2026-07: header-like lines in the writer's own text cut the body.
  test.each([
    ['a form', 'Booking\n\nFrom: Berlin\nTo: Munich\nDate: 12 May 2026\nPassengers: 2\n\nPlease confirm.'],
    ['a description', 'The mail shows\n\nFrom: Ada\nTo: Bob\nSubject: test\n\nand never arrives.'],
    [
      'single labels',
      'From: our database\n\nTo: be honest, I do not know.\n\nSubject: the same as last time, sent 2026-02-03.',
    ],
    [
      'pasted raw headers',
      'Why was this refused?\n\nReturn-Path: <a@x.example>\nFrom: a@x.example\nDate: Tue, 3 Feb 2026 10:15:00 +0100\nSubject: x\nMessage-ID: <1@x>\n\nThanks',
    ],
    [
      'a shown mail',
      'This is the mail I mean:\n\nFrom: Ada <ada@x.example>\nSent: 3 Feb 2026 10:15\nTo: Support\nSubject: Order\n\nIs it real?',
    ],
    ['no date', 'Hi\n\nFrom: Ada\nSent: yesterday\nTo: Support\nSubject: Order\n\nIs it real?'],
  ])('do not cut %s', (_name, text) => {
    expect(newPart(text)).toEqual({ text, quoted: false })
  })
})

describe('original and forwarded messages', () => {
  test.each([
    '-----Original Message-----',
    '-------- Original Message --------',
    '*-------- Original Message --------*',
    '-----Ursprüngliche Nachricht-----',
    "-----Message d'origine-----",
    '-----Mensaje original-----',
    '-----Mensagem original-----',
    '-----Oorspronkelijk bericht-----',
    '-----元のメッセージ-----',
    '-------- Messaggio originale --------',
    '------------------ 原始邮件 ------------------',
  ])('%s', (line) => {
    expect(fresh(`Thanks!\n\n${line}\nVon: Ada\n\nHello`)).toBe('Thanks!')
  })

  test.each([
    '---------- Forwarded message ---------',
    '-------- Weitergeleitete Nachricht --------',
    'Begin forwarded message:',
    'Début du message transféré :',
  ])('forwarded mail is content, with and without words above: %s', (line) => {
    const mail = `${line}\nFrom: Ada <ada@x.example>\nDate: 3 Feb 2026 10:15\nSubject: Order\nTo: me@x.example\n\nMy order is late.\n\nOn 2 Feb 2026 at 10:15, Bob <b@x.example> wrote:\n> Hi`
    for (const text of [mail, `FYI\n\n${mail}`]) expect(newPart(text)).toEqual({ text, quoted: false })
  })

  test('a mail that is all quote stays whole', () => {
    for (const text of [
      '-----Original Message-----\nHello',
      'From: Ada <ada@x.example>\nSent: 3 Feb 2026 10:15\nTo: Support\nSubject: Order\n\nHello',
      '> Hello\n> there',
      'On 3 Feb 2026 at 10:15, Ada <ada@x.example> wrote:\n> Hello',
    ])
      expect(newPart(text)).toEqual({ text, quoted: false })
  })
})

describe("'>' lines", () => {
  test('a trailing run goes, the signature below it stays', () => {
    expect(fresh('Yes.\n\n> Shall we?\n>> Or not?\n\n')).toBe('Yes.')
    expect(fresh('Yes.\n\nOn 3 Feb 2026 at 10:15, Ada wrote:\n> Shall we?\n\n-- \nBob')).toBe('Yes.\n\n-- \nBob')
  })

  test('answers between quoted lines keep everything', () => {
    for (const text of [
      'On 3 Feb 2026 at 10:15, Ada <ada@x.example> wrote:\n> One?\nYes.\n> Two?\nNo.',
      'Hi Ada,\n\nOn 3 Feb 2026 at 10:15, Ada wrote:\n> One?\n\nYes.\n\n> Two?\n\nNo.\n> three',
      '> One?\nYes.\n> Two?',
      'Hi,\n\nOn 3 Feb 2026 at 10:15, Ada wrote:\n> One?\nYes.',
    ])
      expect(newPart(text)).toEqual({ text, quoted: false })
  })

  test('an announced answer within an unquoted mail keeps everything', () => {
    for (const words of [
      'Please see my answers below.',
      'My comments in red.',
      'Siehe unten.',
      'Mes réponses ci-dessous.',
    ])
      expect(
        fresh(
          `${words}\n\nFrom: Ada <ada@x.example>\nSent: 3 Feb 2026 10:15\nTo: Support\nSubject: Order\n\nOne? Yes.`,
        ),
      ).toBe('WHOLE')
  })

  test('an answer below a single quote goes without the quote', () => {
    expect(
      fresh('On 3 Feb 2026 at 10:15, Ada <ada@x.example> wrote:\n\n> Shall we?\n> Or not?\n\nYes, we shall.\n'),
    ).toBe('Yes, we shall.')
  })

  test('what the writer shows on purpose stays', () => {
    expect(fresh('The console says:\n> error 42\n> stopped')).toBe('WHOLE')
  })

  test("the writer's own quoted lines do not hide the real quote", () => {
    expect(
      fresh('I ran\n> make\nand it failed.\n\nOn 3 Feb 2026 at 10:15, Ada <ada@x.example> wrote:\n> Hello\n'),
    ).toBe('I ran\n> make\nand it failed.')
  })
})

describe('any text', () => {
  test.each(['', ' ', '\n', '>', '>\n>', '-- ', 'x', 'a:', '\u0000', '＞ x'])('%j comes back as it is', (text) => {
    expect(newPart(text)).toEqual({ text, quoted: false })
  })

  test('is never cut to nothing', () => {
    for (const opener of ['On 3 Feb 2026 at 10:15, Ada <ada@x.example> wrote:', '-----Original Message-----'])
      for (const above of ['', '\n\n', '  \n\u00a0\n']) expect(fresh(`${above}${opener}\n> x\n`)).toBe('WHOLE')
  })

  test('of hostile make is read in time', () => {
    const size = 200_000
    const started = performance.now()
    for (const unit of [
      '>',
      'On ',
      'a:\n',
      `${'- '.repeat(250)}x\n${'- '.repeat(240)}:\n`,
      `${' '.repeat(490)}x:\n`,
      'wrote:\n',
      'From: x\n',
      'From: a@b\nDate: 1\nTo: x\n',
      'On 1 wrote\n',
      '-',
      '-\n',
      '_',
      '\n',
      ' ',
      '*',
      'a@b',
      '<a@b>:\n',
      '12:34 ',
      '2026 ',
      '> \nx\n',
      'see my answers ',
      'From:',
      '\r',
      ': ',
    ])
      newPart(unit.repeat(size / unit.length))
    expect(performance.now() - started).toBeLessThan(4_000)
  })
})
