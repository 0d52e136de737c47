/** A real server in a process of its own, that can be killed and started again on its data. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const ROOT = join(import.meta.dirname, '../../..')
const INSTALLED = join(ROOT, '.venv', 'bin', 'collab')
const [COMMAND = INSTALLED, ...BEFORE] = existsSync(INSTALLED) ? [INSTALLED] : ['uv', 'run', '--no-sync', 'collab']
const START_MS = 20_000

/** A running server, of the checkout that these tests are in. */
export class Served {
  port = 0
  #process: ChildProcess | null = null
  readonly #folder: string

  private constructor (folder: string) {
    this.#folder = folder
  }

  /** Starts one on a free port. */
  static async open (): Promise<Served> {
    const served = new Served(await mkdtemp(join(tmpdir(), 'collab-js-')))
    await served.start()
    return served
  }

  get url (): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Starts it, again on the port that it had. */
  async start (): Promise<void> {
    const args = [...BEFORE, 'serve', '--dev', '--port', String(this.port), '--data', this.#folder]
    // A group of its own: `uv` stands between, and must not be all that is killed.
    const process = spawn(COMMAND, args, { cwd: ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process = process
    const printed: string[] = []
    this.port = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no server within ${START_MS} ms: ${printed.join('\n')}`)), START_MS)
      process.once('exit', code => reject(new Error(`the server ended with ${code}: ${printed.join('\n')}`)))
      for (const stream of [process.stdout, process.stderr]) {
        if (stream === null) continue
        createInterface({ input: stream }).on('line', line => {
          printed.push(line)
          const found = /listening on http:\/\/[^:]+:(\d+)/.exec(line)
          if (found !== null) {
            clearTimeout(timer)
            resolve(Number(found[1]))
          }
        })
      }
    })
  }

  /** Ends it as a power cut does. */
  async kill (): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Ends it and throws its data away. */
  async close (): Promise<void> {
    await this.#end('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #end (signal: NodeJS.Signals): Promise<void> {
    const ended = this.#process
    this.#process = null
    if (ended?.pid === undefined || ended.exitCode !== null) return
    const exited = new Promise(resolve => ended.once('exit', resolve))
    process.kill(-ended.pid, signal)
    await exited
  }
}
