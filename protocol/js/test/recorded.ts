/** The recorded exchanges of `tests/conformance`, and their placeholders; its README says the format. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBase64, toBase64 } from '../src/bytes.js'

const FOLDER = join(import.meta.dirname, '../../../tests/conformance/cases')
const OUR_USER = 'ann'

type Fields = Record<string, unknown>
export type Step = Readonly<Fields>

/** One recorded exchange. */
export interface Case {
  readonly name: string
  readonly about: string
  readonly values: Fields
  readonly steps: readonly Step[]
}

/** Returns the cases that a client plays. */
export function clientCases (): Case[] {
  return readdirSync(FOLDER).filter(name => name.endsWith('.json')).sort().flatMap(name => {
    const held = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Partial<Case> & { about: string, steps: Step[], play?: string[] }
    return held.play?.includes('client') === false ? [] : [{ values: {}, ...held, name: name.replace('.json', '') }]
  })
}

/** Returns the steps on connections of ours, each with the name of its connection. */
export function ourSteps ({ steps }: Case): Array<{ readonly step: Step, readonly on: string }> {
  const others = new Set(steps.filter(step => 'connect' in step && (step['user'] ?? OUR_USER) !== OUR_USER).map(step => step['connect']))
  let newest = ''
  return steps.flatMap(step => {
    const on = (step['on'] ?? step['connect'] ?? step['drop'] ?? step['closed'] ?? newest) as string
    if (others.has(on)) return []
    if ('connect' in step) newest = on
    return [{ step, on }]
  })
}

const isMap = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

const isName = (value: unknown): value is string => typeof value === 'string' && value.startsWith('$')

/** What the placeholders of one run stand for. */
export class Bindings {
  readonly #recorded: Fields
  readonly #bound = new Map<string, unknown>()

  constructor (recorded: Fields) {
    this.#recorded = recorded
  }

  /** Returns `template` with values for placeholders; bytes native if the encoding has them. */
  fill (template: unknown, hasBytes: boolean): unknown {
    if (template === '$text') return 'some words'
    if (isName(template)) return this.#value(template)
    if (Array.isArray(template)) return template.map(item => this.fill(item, hasBytes))
    if (!isMap(template)) return template
    if ('$bytes' in template) {
      const text = this.fill(template['$bytes'], hasBytes) as string
      return hasBytes ? fromBase64(text) : text
    }
    return Object.fromEntries(Object.entries(template).filter(([, item]) => item !== '$any')
      .map(([name, item]) => [String(this.fill(name, hasBytes)), this.fill(item, hasBytes)]))
  }

  /** Binds the placeholders of `template` to what `got` has there. Throws what is different. */
  match (template: unknown, got: unknown, place = ''): void {
    if (template === '$any' || (template === '$text' && typeof got === 'string')) return
    if (isName(template)) {
      if (got == null) throw new Error(`${place}: nothing there for ${template}`)
      if (!this.#bound.has(template)) this.#bound.set(template, got)
      template = this.#bound.get(template)
    }
    if (isMap(template) && '$bytes' in template) {
      this.match(template['$bytes'], got, place)
    } else if (isMap(template) && isMap(got)) {
      const expected = new Map(Object.entries(template).map(([name, item]) => [String(this.#bound.get(name) ?? name), item]))
      for (const name of new Set([...expected.keys(), ...Object.keys(got)])) {
        if (expected.get(name) != null || got[name] != null) this.match(expected.get(name), got[name], `${place}.${name}`)
      }
    } else if (Array.isArray(template) && Array.isArray(got)) {
      if (template.length !== got.length) throw new Error(`${place}: ${got.length} items instead of ${template.length}`)
      template.forEach((item, n) => this.match(item, (got as unknown[])[n], `${place}[${n}]`))
    } else if (template !== got) {
      throw new Error(`${place}: ${JSON.stringify(got)} instead of ${JSON.stringify(template)}`)
    }
  }

  #value (name: string): unknown {
    if (!this.#bound.has(name)) {
      if (!(name in this.#recorded)) throw new Error(`${name} is sent before it was received, and has no recorded value`)
      this.#bound.set(name, this.#recorded[name])
    }
    return this.#bound.get(name)
  }
}

/** Returns `value` as the JSON subprotocol has it: bytes as base64. */
export function inJson (value: unknown): unknown {
  if (value instanceof Uint8Array) return toBase64(value)
  if (value instanceof Map) return inJson(Object.fromEntries(value))
  if (Array.isArray(value)) return value.map(inJson)
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inJson(item)])) : value
}
