"""``/api/v1/plans``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Request, Response

from regen_api.auth.authentication import Caller
from regen_api.jobs.routes import ID_PATTERN, REPLAYED, IdempotencyKey, tagged
from regen_api.plans.views import PlanState, RegenerateRequest, Regenerating
from regen_api.problems import responses

router: Final = APIRouter(prefix="/api/v1/plans", tags=["plans"])

PlanId = Annotated[
    str, Path(alias="planId", pattern=ID_PATTERN, description="A plan of the caller's own.", examples=["plan-1"])
]


@router.post(
    "/{planId}/regenerate",
    status_code=HTTPStatus.ACCEPTED,
    summary="Regenerate a plan",
    responses=responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    | {
        202: {
            "description": "A PENDING job.",
            "headers": {
                REPLAYED: {"description": "`true` where this request was answered before.", "schema": {"const": "true"}}
            },
            "links": {
                "readJob": {"operationId": "readJob", "parameters": {"jobId": "$response.body#/generationId"}},
                "readPlan": {"operationId": "readPlan", "parameters": {"planId": "$response.body#/planId"}},
            },
        }
    },
)
async def regenerate_plan(
    request: Request,
    response: Response,
    caller: Caller,
    *,
    plan_id: PlanId,
    body: RegenerateRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Regenerating:
    """Makes a job of the plan as it is now, merged with the overrides. The plan itself is not changed."""
    answer: Regenerating
    answer, is_new = await request.app.state.parts.plans.regenerate(
        plan_id, caller.subject, {} if body is None else body.overrides, idempotency_key
    )
    if not is_new:
        response.headers[REPLAYED] = "true"
    return answer


@router.get(
    "/{planId}",
    summary="Read a plan's state",
    response_model=PlanState,
    responses=responses(HTTPStatus.NOT_FOUND) | {304: {"description": "As the If-None-Match says, nothing has changed."}},
)
async def read_plan(
    request: Request,
    caller: Caller,
    plan_id: PlanId,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """Pending, ready with its latest output, or failed with the reason: whatever its jobs say."""
    answer: PlanState = await request.app.state.parts.plans.state(plan_id, caller.subject)
    return tagged(answer, if_none_match)
