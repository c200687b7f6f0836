"""Messages, on a database of their own."""

from __future__ import annotations

from hongbao.social.v1.message_pb2_grpc import add_MessageServiceServicer_to_server
from services.mesh.clock import Clock
from services.mesh.reach import Reach
from services.mesh.room import Room
from services.mesh.server import Service
from services.social.adapters.chat.acquaintances import RememberedAcquaintances
from services.social.adapters.chat.attachments import (
    AskedAttachments,
    AttachmentLimits,
    AttachmentsOutOfReach,
)
from services.social.adapters.chat.desk import DeskLimits
from services.social.adapters.chat.ends import Ends
from services.social.adapters.chat.foundation import Chat
from services.social.adapters.chat.inboxes import Growth, SqlInboxes
from services.social.adapters.chat.news import forget_erased, move_merged
from services.social.adapters.chat.purging import Purge
from services.social.adapters.chat.questions import Questions
from services.social.adapters.chat.store import SqlChatStore
from services.social.adapters.groups import SqlGroupStore
from services.social.api.messages import MessageApi
from services.social.domain.chat.messages import Messages
from services.social.domain.chat.places import Places
from services.social.domain.chat.ports import Attachments
from services.social.rooms.grounds import Grounds
from services.social.rooms.people import follow_people
from services.social.settings import SocialSettings

_DAY_MS = 86_400_000
_GROUP_MEMBERS_MAX = 1_000
"""No setting allows larger groups; smaller ones may have been larger under another one."""


def messages(on: Grounds, chat: Chat, attachments: Attachments | None = None) -> Room:
    """The room of messages; `attachments` take the place of other services' in tests."""
    settings, clock = on.settings, on.clock
    growth = Growth()
    store = _store(settings, clock, chat, growth)
    inboxes = SqlInboxes(
        store,
        growth,
        clock,
        watchers_max=settings.social_chat_streams_max,
        poll_ms=settings.social_chat_poll_ms,
    )
    if attachments is None and on.reach is not None:
        attachments = asked_attachments(settings, clock, on.reach, chat)
    known = attachments or AttachmentsOutOfReach(clock)
    places = Places(settings.social_chat_calls_max)
    api = MessageApi(Messages(store, inboxes, _acquaintances(on), known), places)
    return Room(
        (Service("hongbao.social.v1.MessageService", api, add_MessageServiceServicer_to_server),),
        {
            "chat-inboxes": inboxes.run,
            "chat-purge": _purge(settings, clock, chat).run,
            **follow_people(
                on,
                chat.database,
                "chat",
                (move_merged(clock, growth.announce), forget_erased(chat.texts)),
            ),
        },
    )


def _store(settings: SocialSettings, clock: Clock, chat: Chat, growth: Growth) -> SqlChatStore:
    limits = DeskLimits(
        rows_max=settings.social_chat_queue_rows_max,
        wait_ms_max=settings.social_chat_wait_ms_max,
        batch_rows_max=settings.social_chat_batch_rows_max,
    )
    return SqlChatStore(chat.database, chat.texts, clock, limits, growth.announce)


def _acquaintances(on: Grounds) -> RememberedAcquaintances:
    """Who may write to whom; forgotten at once when it changes in this process."""
    settings = on.settings
    acquaintances = RememberedAcquaintances(
        on.database,
        SqlGroupStore(on.database),
        on.clock,
        members_max=_GROUP_MEMBERS_MAX,
        pairs_max=settings.social_chat_pairs_max,
        groups_max=settings.social_chat_groups_max,
        remember_s=settings.social_chat_remember_ms / 1000,
        asks_max=settings.social_chat_relation_asks_max,
    )
    on.changes.pair_hearers.append(acquaintances.forget_pair)
    on.changes.group_hearers.append(acquaintances.forget_group)
    return acquaintances


def _purge(settings: SocialSettings, clock: Clock, chat: Chat) -> Purge:
    return Purge(
        chat.database,
        clock,
        keep_ms=settings.social_chat_keep_days * _DAY_MS,
        batch_messages=settings.social_chat_purge_messages,
        pause_s=settings.social_chat_purge_pause_s,
    )


def asked_attachments(settings: SocialSettings, clock: Clock, reach: Reach, chat: Chat) -> Attachments:
    """What is sent along, as the services within reach tell it."""
    limits = AttachmentLimits(
        asks_max=settings.social_chat_asks_max,
        waiting_max=settings.social_chat_asks_waiting_max,
        wait_ms=settings.social_chat_status_wait_ms,
        remember_ms=settings.social_chat_status_remember_ms,
        remembered_max=settings.social_chat_statuses_max,
    )
    questions = Questions(reach, clock, settings.social_chat_ask_ms)
    return AskedAttachments(questions, Ends(chat.database), clock, limits)
