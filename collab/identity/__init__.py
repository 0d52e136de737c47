"""Who is asking: people of OpenID Connect issuers, guests, services, holders of tickets."""

from collab.identity.authenticator import Authenticator as Authenticator
from collab.identity.authenticator import Doorkeeper as Doorkeeper
from collab.identity.authenticator import LocalAuthenticator as LocalAuthenticator
from collab.identity.authenticator import open_authenticator as open_authenticator
from collab.identity.authenticator import open_doorkeeper as open_doorkeeper
from collab.identity.claims import caller_of as caller_of
from collab.identity.claims import is_guest_id as is_guest_id
from collab.identity.claims import is_user_id as is_user_id
from collab.identity.guests import new_guest_id as new_guest_id
from collab.identity.issuers import Issuer as Issuer
from collab.identity.issuers import parse_issuers as parse_issuers
from collab.identity.own_key import KEY_FILE_NAME as KEY_FILE_NAME
from collab.identity.own_key import KeyUnusable as KeyUnusable
from collab.identity.own_key import OwnKey as OwnKey
from collab.identity.tokens import Signer as Signer
from collab.identity.tokens import TokenClaims as TokenClaims
