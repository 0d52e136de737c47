"""Who is asking: development tokens, and tokens signed with the data directory's own key."""

from collab.identity.authenticator import Authenticator as Authenticator
from collab.identity.authenticator import LocalAuthenticator as LocalAuthenticator
from collab.identity.authenticator import open_authenticator as open_authenticator
from collab.identity.claims import caller_of as caller_of
from collab.identity.claims import is_user_id as is_user_id
from collab.identity.own_key import KEY_FILE_NAME as KEY_FILE_NAME
from collab.identity.own_key import KeyUnusable as KeyUnusable
from collab.identity.own_key import OwnKey as OwnKey
from collab.identity.tokens import Signer as Signer
from collab.identity.tokens import TokenClaims as TokenClaims
