-- "User" and "Plan": the application's own tables. It writes them; we read a few columns and own them only where we make
-- them. Where they are there already, database/adopt_plans.py has looked at them and IF NOT EXISTS leaves them alone.
CREATE TABLE IF NOT EXISTS public."User" (
    id text PRIMARY KEY,
    subject text NOT NULL UNIQUE,
    tier text NOT NULL DEFAULT 'free' CHECK (tier IN ('free', 'starter', 'pro'))
);

CREATE TABLE IF NOT EXISTS public."Plan" (
    id text PRIMARY KEY,
    "userId" text NOT NULL REFERENCES public."User" (id),
    topic text NOT NULL,
    "skillLevel" text NOT NULL CHECK ("skillLevel" IN ('beginner', 'intermediate', 'advanced')),
    "weeklyHours" integer NOT NULL CHECK ("weeklyHours" BETWEEN 1 AND 80),
    "learningStyle" text NOT NULL CHECK ("learningStyle" IN ('reading', 'video', 'practice', 'mixed')),
    "startDate" timestamp(3) without time zone,
    "deadlineDate" timestamp(3) without time zone,
    notes text,
    "createdAt" timestamp(3) without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);
