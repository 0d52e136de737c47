/** The packages as they are published: packed, unpacked elsewhere, and used as their READMEs say. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Served } from './served.js'

const PROJECT = join(import.meta.dirname, '..')
const PACKAGES = { client: PROJECT, react: join(PROJECT, 'react'), tanstack: join(PROJECT, 'tanstack') }
const BESIDE = ['react', 'react-dom', 'scheduler', '@tanstack', 'yjs', 'y-protocols', 'lib0', 'ws', 'jsdom']

let served: Served
const user = mkdtempSync(join(tmpdir(), 'collab-packed-')) // A project that uses the packages.
const started: ChildProcess[] = []

beforeAll(async () => {
  served = await Served.open()
  for (const [name, folder] of Object.entries(PACKAGES)) {
    const at = join(user, 'node_modules', '@collab', name)
    mkdirSync(at, { recursive: true })
    const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', user], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as Array<{ filename: string }>
    execFileSync('tar', ['-xzf', join(user, packed!.filename), '-C', at, '--strip-components=1'])
  }
  for (const name of BESIDE) symlinkSync(join(PROJECT, 'node_modules', name), join(user, 'node_modules', name))
}, 120_000)

afterAll(async () => {
  for (const process of started) process.kill()
  rmSync(user, { recursive: true, force: true })
  await served.close()
})

/** The first block of a README, with this server's address. */
function start (folder: string): string {
  const [, code] = /```jsx?\n([^]*?)```/.exec(readFileSync(join(folder, 'README.md'), 'utf8')) ?? []
  return (code ?? '').replace('http://127.0.0.1:8787', served.url)
}

/** Runs a module of the user's project until it has printed `wanted`. Rejects if it ends before. */
async function prints (code: string, wanted: RegExp): Promise<void> {
  const file = join(user, `start-${started.length}.mjs`)
  // Node 20 has no WebSocket of its own.
  writeFileSync(file, `import { WebSocket } from 'ws'\nglobalThis.WebSocket ??= WebSocket\n${code}`)
  const process = spawn('node', [file], { cwd: user, stdio: ['ignore', 'pipe', 'pipe'] })
  started.push(process)
  const printed: string[] = []
  await new Promise<void>((resolve, reject) => {
    for (const stream of [process.stdout, process.stderr]) {
      createInterface({ input: stream }).on('line', line => {
        printed.push(line)
        if (wanted.test(printed.join('\n'))) resolve()
      })
    }
    process.once('exit', () => reject(new Error(printed.join('\n'))))
  })
  process.kill()
}

it('[JS10.1] a package holds its build, its types, its README and its licence, and nothing else', () => {
  for (const name of Object.keys(PACKAGES)) {
    const at = join(user, 'node_modules', '@collab', name)
    expect(readdirSync(at).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json'])
    expect(readdirSync(join(at, 'dist'))).toEqual(expect.arrayContaining(['index.d.ts', 'index.js', 'index.js.map']))
    const published = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8')) as object
    for (const field of ['dependencies', 'workspaces']) expect(published).not.toHaveProperty(field)
  }
})

it('[JS10.2] the start of the README of the client works', async () => {
  await prints(start(PACKAGES.client), /text: 'hi'|'messages'|messages: \[/)
})

it('[JS10.2] the start of the README of the hooks works', async () => {
  const page = `import { JSDOM } from 'jsdom'
    const { window } = new JSDOM('<body></body>')
    for (const [name, value] of Object.entries({ window, document: window.document, navigator: window.navigator })) {
      Object.defineProperty(globalThis, name, { value, configurable: true }) // Newer Nodes have some of their own.
    }`
  const click = `const look = setInterval(() => {
      document.querySelector('ul')?.click()
      if (document.querySelector('li')) console.log(document.body.innerHTML)
    }, 100)`
  writeFileSync(join(user, 'page.mjs'), page)
  await build({
    stdin: { contents: start(PACKAGES.react) + click, resolveDir: user, loader: 'jsx' },
    jsx: 'automatic', bundle: true, packages: 'external', format: 'esm', outfile: join(user, 'app.mjs'), logLevel: 'silent'
  })
  await prints("await import('./page.mjs')\nawait import('./app.mjs')", /<li>hi<\/li>/)
})

it('[JS10.2] the start of the README of the queries works', async () => {
  await prints(start(PACKAGES.tanstack), /^live$/m)
})

it('[JS10.3] the types are whole for whoever uses them', () => {
  writeFileSync(join(user, 'use.ts'), `
    import { connect, type MessagesShown, olderMessages } from '@collab/client'
    import { NotesProvider } from '@collab/client/yjs'
    import type { Meeting } from '@collab/client/wire'
    import { useChat } from '@collab/react'
    import { collabQueries } from '@collab/tanstack'
    const meeting = connect('http://x', { token: async () => 't' }).meeting('m')
    const id: Promise<{ id: number }> = meeting.do('messages.post', { text: 'hi' })
    // What is left out may be undefined, however strict the program is.
    const options: { signal: AbortSignal | undefined, timeoutMs: number | undefined } = { signal: undefined, timeoutMs: undefined }
    void meeting.do('messages.post', { text: 'hi' }, options)
    void meeting.messages().post('hi', options)
    meeting.follow(['messages'], { signal: options.signal })
    olderMessages(meeting, { signal: options.signal, limit: options.timeoutMs })
    connect('http://x', { token: 't', WebSocket: undefined, encoding: undefined })
    // @ts-expect-error -- there is no such argument
    meeting.do('messages.post', { txt: 'hi' })
    // @ts-expect-error -- this is a query
    meeting.do('meeting.get')
    export type All = [typeof id, Meeting, MessagesShown, NotesProvider, typeof useChat, typeof collabQueries]
  `)
  const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--module', 'nodenext', '--types', 'react', '--typeRoots', join(PROJECT, 'node_modules/@types'), '--skipLibCheck', 'use.ts']
  execFileSync(join(PROJECT, 'node_modules/.bin/tsc'), flags, { cwd: user, stdio: 'inherit' })
})

it('[JS10.4] sizes: all of the client within 18 kB gzipped, its core within 12', async () => {
  const { gzipSync } = await import('node:zlib')
  const sizeOf = async (code: string): Promise<number> => {
    const { outputFiles } = await build({ stdin: { contents: code, resolveDir: user }, bundle: true, minify: true, format: 'esm', write: false })
    return gzipSync(outputFiles[0]!.contents).length
  }
  expect(await sizeOf("export * from '@collab/client'")).toBeLessThan(18_000)
  expect(await sizeOf("export { Client, json } from '@collab/client'")).toBeLessThan(12_000)
})
