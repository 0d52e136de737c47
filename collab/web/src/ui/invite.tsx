import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { Deed } from "./bits";
import { CopyButton } from "./copy";
import { Icon } from "./icons";

export interface InviteProps {
  /** "meeting" or "chat". */
  kind: string;
  roles: readonly string[];
  /** Asks the server to let somebody in; null: one may not. */
  invite: ((userId: string, role: string) => Promise<void>) | null;
}

/** The link to where one is, and for those who may, an invitation by name. */
export function InviteButton({ kind, roles, invite }: InviteProps): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  const shown = useRef<HTMLInputElement>(null);
  const [who, setWho] = useState("");
  const [role, setRole] = useState(roles[0]!);
  const [invited, setInvited] = useState("");
  const link = `${location.origin}${location.pathname}`;
  const done = (): void => {
    setInvited(`${who.trim()} is invited. Send them the link.`);
    setWho("");
  };
  return (
    <>
      <button type="button" class="invite-button" onClick={() => box.current!.showModal()} aria-label="Invite">
        <Icon name="link" /><span class="wide-only">Invite</span>
      </button>
      <dialog ref={box} aria-label="Invite" onClose={() => setInvited("")}>
        <h2>Invite to this {kind}</h2>
        <label for="invite-link">Link</label>
        <div class="row">
          <input id="invite-link" class="grow" ref={shown} readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
          <CopyButton from={shown} />
        </div>
        {invite && (
          <>
            <label for="invite-who">Person</label>
            <div class="row invite-row">
              <input id="invite-who" class="grow" value={who} placeholder="user id" onInput={(event) => setWho(event.currentTarget.value)} />
              <select aria-label="Role" value={role} onChange={(event) => setRole(event.currentTarget.value)}>
                {roles.map((name) => <option key={name} value={name}>{name}</option>)}
              </select>
              <Deed label="Invite them" act={() => invite(who.trim(), role)} onDone={done}>Invite</Deed>
            </div>
            {invited && <p class="small" role="status">{invited}</p>}
          </>
        )}
        <div class="dialog-foot"><button type="button" onClick={() => box.current!.close()}>Close</button></div>
      </dialog>
    </>
  );
}
