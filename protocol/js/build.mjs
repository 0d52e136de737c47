// Builds one of the packages, or all: ES modules into dist/, with types and source maps; the licence beside.
//
//   node build.mjs            the three packages
//   node build.mjs react      one of them (what `npm pack` does first)
//
// Nothing is bundled but what is ours: whoever uses a package has one Yjs, one React.
import { execFileSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
const packages = {
  client: { folder: '.', entries: { index: 'src/index.ts', 'yjs/index': 'src/yjs/index.ts', 'generated/wire': 'src/generated/wire.ts' } },
  react: { folder: 'react', entries: { index: 'src/index.ts' } },
  tanstack: { folder: 'tanstack', entries: { index: 'src/index.ts' } }
}
// React and TanStack have the client's types from its dist: the client goes first.
const [only] = process.argv.slice(2)
const names = only === undefined ? Object.keys(packages) : [...new Set(['client', only])]

for (const name of names) {
  const { folder, entries } = packages[name]
  const at = join(here, folder)
  rmSync(join(at, 'dist'), { recursive: true, force: true })
  copyFileSync(join(here, '../../LICENSE'), join(at, 'LICENSE')) // npm packs the one that is beside.
  await build({
    absWorkingDir: at,
    entryPoints: entries,
    outdir: 'dist',
    bundle: true,
    splitting: true, // The client's entries share its modules, and so their classes.
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    jsx: 'automatic',
    packages: 'external',
    sourcemap: true,
    tsconfigRaw: { compilerOptions: {} } // The paths of our tsconfig are for tests: here packages are packages.
  })
  execFileSync(process.execPath, [tsc, '-p', join(at, 'tsconfig.build.json')], { stdio: 'inherit' })
}
