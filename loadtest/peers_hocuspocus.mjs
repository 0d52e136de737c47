// Hocuspocus as its users run it: SQLite behind it, all settings at their defaults.
//   node peers_hocuspocus.mjs PORT DATABASE_FILE   (run in the folder that has node_modules)
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.cwd() + '/')
const load = async (name) => import(pathToFileURL(require.resolve(name)).href)
const { Server } = await load('@hocuspocus/server')
const { SQLite } = await load('@hocuspocus/extension-sqlite')

const [port, database] = process.argv.slice(2)
const server = new Server({ port: +port, address: '127.0.0.1', quiet: true, extensions: [new SQLite({ database })] })
await server.listen()
