/** What is said in one meeting, live. */

import type { AskOptions, Client } from './client.js'
import type { TranscriptLine, TranscriptPage } from './generated/wire.js'
import { loadTranscript, mergedLines, reduceTranscript, type TranscriptShown } from './transcript-shown.js'
import { View } from './view.js'

interface Page { readonly lines: readonly TranscriptLine[], readonly before: number | null }

/** A live transcript. Close it. The constructor throws what `Client.follow` throws. */
export class TranscriptView extends View<TranscriptShown> {
  readonly #client: Client
  readonly #target: string

  constructor (client: Client, target: string) {
    super(client, target, { topics: ['transcript'], load: loadTranscript, reduce: reduceTranscript })
    this.#client = client
    this.#target = target
  }

  /** Shows the lines of the page before the oldest, too; otherwise as `MessagesView.loadOlder`. */
  async loadOlder (options: AskOptions = {}): Promise<void> {
    await this.extend<Page>(async history => await this.#read(history, options),
      (now, { lines, before }, asked, meanwhile) => {
        // What has fallen off meanwhile is between the two. Of a segment the newest revision counts.
        const all = mergedLines([...lines, ...asked.lines], now.lines)
        return { ...meanwhile.reduce(reduceTranscript, { ...now, lines: all }), before }
      })
  }

  /** Reads on until there is a line that is not shown: pages begin at whole buckets. */
  async #read ({ lines, before }: TranscriptShown, options: AskOptions): Promise<Page> {
    const found: TranscriptLine[] = []
    while (before !== null && mergedLines(found, lines).length === lines.length) {
      const { buckets, has_more: more } = await this.#client.call(
        this.#target, 'transcript.page', { before }, { ...options, isRead: true }) as TranscriptPage
      found.push(...buckets.flatMap(bucket => bucket.lines))
      before = more ? buckets[0]?.position ?? null : null
    }
    return { lines: found, before }
  }
}
