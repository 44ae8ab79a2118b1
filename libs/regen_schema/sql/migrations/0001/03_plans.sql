-- "User" and "Plan" belong to the application, which writes them; regen reads a few columns, and owns them only if it created them.
-- adoption_plans.py has checked existing ones, and IF NOT EXISTS leaves them as they are.
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
