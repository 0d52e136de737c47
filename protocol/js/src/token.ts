/** Where the client's tokens come from: one given token, or a function that fetches them. */

/**
 * What a token is wanted for: a `hello`; a hello after the last token was `refused`; a `renewal`, while
 * the one in use is good for a while yet.
 */
export type TokenWanted = 'hello' | 'refused' | 'renewal'

/** A token, or what is asked for one before every hello and before a token ends. It may take its time. */
export type Token = string | ((wanted: TokenWanted) => string | Promise<string>)

/** The token of the next hello. */
export class TokenSource {
  #token: Token
  #used: string | null = null

  constructor (token: Token) {
    this.#token = token
  }

  /** Asking again may bring another token than the one that was used last. */
  get isRenewable (): boolean {
    return typeof this.#token === 'function' || this.#token !== this.#used
  }

  /** Tokens are fetched, so they can be replaced before they end. */
  get isCallable (): boolean {
    return typeof this.#token === 'function'
  }

  /** Returns the token to use now. Rejects with what the function throws. */
  async fetch (wanted: TokenWanted): Promise<string> {
    this.#used = typeof this.#token === 'function' ? await this.#token(wanted) : this.#token
    return this.#used
  }

  /** Uses `token` from now on, if there is no function to ask. */
  replace (token: string): void {
    if (typeof this.#token !== 'function') this.#token = token
  }
}
