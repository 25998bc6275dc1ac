// Builds the UI into dist/web and, in development, passes /api on to a running Worker.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

const root = import.meta.dirname
const api = process.env.POSTROOM_API ?? 'http://127.0.0.1:8787'
const proxy = { '/api': { target: api, changeOrigin: true, headers: { origin: api } } }

/** Chunks that the first screen of a signed-in agent, the ticket list, loads. */
const FIRST_SCREEN = ['app-layout', 'ticket-list-page']
const FIRST_LOAD_LIMIT = 300_000

export default defineConfig({
  root: join(root, 'web'),
  publicDir: join(root, 'web/public'),
  plugins: [react(), firstLoad()],
  build: {
    outDir: join(root, 'dist/web'),
    emptyOutDir: true,
    target: 'es2023',
    manifest: true,
    // Everything is one origin and lazily loaded; a larger editor chunk is no mistake.
    chunkSizeWarningLimit: 600,
  },
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy },
})

type Chunk = { file: string; name?: string; imports?: string[]; css?: string[]; isEntry?: boolean }

/** Prints what the first screen costs over the wire and fails the build over the limit. */
function firstLoad(): Plugin {
  let outDir = ''
  return {
    name: 'first-load',
    apply: 'build',
    configResolved(config) {
      outDir = config.build.outDir
    },
    closeBundle() {
      const manifest = JSON.parse(readFileSync(join(outDir, '.vite/manifest.json'), 'utf8')) as Record<string, Chunk>
      const files = new Set<string>(['index.html'])
      const visit = (key: string) => {
        const chunk = manifest[key]
        if (!chunk || files.has(chunk.file)) return
        files.add(chunk.file)
        for (const css of chunk.css ?? []) files.add(css)
        for (const next of chunk.imports ?? []) visit(next)
      }
      for (const [key, chunk] of Object.entries(manifest)) {
        if (chunk.isEntry || (chunk.name && FIRST_SCREEN.includes(chunk.name))) visit(key)
      }
      const bytes = [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(outDir, file))).length, 0)
      console.log(`first load: ${(bytes / 1000).toFixed(1)} KB gzip in ${files.size} files`)
      if (bytes > FIRST_LOAD_LIMIT) throw new Error(`The first load is over ${FIRST_LOAD_LIMIT / 1000} KB gzip`)
    },
  }
}
