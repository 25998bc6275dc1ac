import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'sqlite',
  schema: './worker/db/*.ts',
  out: process.env.POSTROOM_MIGRATIONS_OUT ?? './migrations',
})
