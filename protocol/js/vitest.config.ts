import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: '@collab/client/wire', replacement: here('src/generated/wire.ts') },
      { find: '@collab/client/yjs', replacement: here('src/yjs/index.ts') },
      { find: '@collab/client', replacement: here('src/index.ts') },
      { find: '@collab/react', replacement: here('react/src/index.ts') },
      { find: '@collab/tanstack', replacement: here('tanstack/src/index.ts') }
    ]
  },
  test: {
    include: ['test/**/*.test.ts', '*/test/**/*.test.ts', '*/test/**/*.test.tsx'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    maxWorkers: 2
  }
})
