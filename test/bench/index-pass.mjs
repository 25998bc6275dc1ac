// Speed of the offset index over one large message, in chunks as R2 hands them over.
import path from 'node:path'
import { runnerImport } from 'vite'
import { ROOT } from '../../scripts/lib/install.mjs'

/** Megabytes a second, the median of five runs. */
export async function indexSpeed(raw) {
  const { module } = await runnerImport(path.join(ROOT, 'worker/mail/mime-index.ts'), {
    root: ROOT,
    configFile: false,
    logLevel: 'error',
  })
  const speeds = []
  for (let run = 0; run < 5; run++) {
    const indexer = new module.MimeIndexer()
    const started = performance.now()
    for (let at = 0; at < raw.length; at += 65_536) indexer.push(raw.subarray(at, at + 65_536))
    const index = indexer.end()
    speeds.push(raw.length / 1e6 / ((performance.now() - started) / 1000))
    if (index.parts.length < 3) throw new Error('the index did not see the parts')
  }
  return speeds.sort((a, b) => a - b)[2]
}
