// Published schemas as a judge of JSON bodies, with the formats that vendors' descriptions use.
import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

export type Schemas = {
  /** What is wrong with a value under `$defs/<name>` of a schema file, in words without the value; or null. Throws where there is no such schema. */
  problemOf(api: string, name: string, value: unknown): string | null
}

/** The schemas, each with an `$id` of the form `https://contracts.invalid/<api>.schema.json`. */
export function createSchemas(files: readonly unknown[]): Schemas {
  const ajv = new Ajv2020({ allErrors: true, strict: false })
  addFormats.default(ajv)
  ajv.addFormat('uint64', (text: string) => inRange(text, 0n, 2n ** 64n - 1n))
  ajv.addFormat('int64', (text: string) => inRange(text, -(2n ** 63n), 2n ** 63n - 1n))
  for (const name of ['byte', 'int32', 'uint32', 'double', 'float']) ajv.addFormat(name, true)
  for (const name of ['google-datetime', 'google-duration', 'google-fieldmask']) ajv.addFormat(name, true)
  for (const file of files) ajv.addSchema(file as Record<string, unknown>)
  return {
    problemOf(api, name, value) {
      const validate = ajv.getSchema(`https://contracts.invalid/${api}.schema.json#/$defs/${name}`)
      if (!validate) throw new Error(`no schema ${name} in ${api}`)
      return validate(value) ? null : ajv.errorsText(validate.errors, { dataVar: 'body' })
    },
  }
}

/** A contract file of a folder. */
export function readContract(folder: URL, name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
}

/** The value, or undefined where the bytes are no JSON. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function inRange(text: string, least: bigint, most: bigint): boolean {
  return /^-?\d+$/.test(text) && BigInt(text) >= least && BigInt(text) <= most
}
