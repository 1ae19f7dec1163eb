using Edifice.Engine.Backends;

namespace Edifice.Engine.Tests.Reference;

/// <summary>Recurrences, one step after the other.</summary>
internal sealed partial class ReferenceBackend
{
    /// <summary>Every state is kept: the backward pass reads them all.</summary>
    public int MatrixStateSpacing(int chunk) => 1;

    public void LinearScan(Tensor a, Tensor b, Tensor? initial, bool reverse, Tensor h)
    {
        int batch = b.Layout.Dims[0], length = b.Layout.Dims[1], width = b.Layout.Dims[2];
        double[] p = Load(a), q = Load(b), r = new double[q.Length];
        var start = LoadOrNull(initial);
        for (var n = 0; n < batch; n++)
            for (var c = 0; c < width; c++)
            {
                var state = start?[n * width + c] ?? 0;
                for (var s = 0; s < length; s++)
                {
                    var at = (n * length + (reverse ? length - 1 - s : s)) * width + c;
                    r[at] = state = p[at] * state + q[at];
                }
            }

        Store(h, r);
    }

    public void LinearScanVjp(Tensor dh, Tensor? dfinal, Tensor a, Tensor h, Tensor? initial, Tensor da, Tensor db, Tensor? dinitial)
    {
        int batch = h.Layout.Dims[0], length = h.Layout.Dims[1], width = h.Layout.Dims[2];
        double[] g = Load(dh), p = Load(a), states = Load(h), ra = new double[p.Length], rb = new double[p.Length], ri = new double[batch * width];
        double[]? start = LoadOrNull(initial), end = LoadOrNull(dfinal);
        for (var n = 0; n < batch; n++)
            for (var c = 0; c < width; c++)
            {
                var rest = end?[n * width + c] ?? 0;
                for (var t = length - 1; t >= 0; t--)
                {
                    var at = (n * length + t) * width + c;
                    rb[at] = g[at] + rest;
                    ra[at] = rb[at] * (t > 0 ? states[at - width] : start?[n * width + c] ?? 0);
                    rest = p[at] * rb[at];
                }

                ri[n * width + c] = rest;
            }

        Store(da, ra);
        Store(db, rb);
        StoreOrNot(dinitial, ri);
    }

    public void RgLru(Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h)
    {
        int batch = x.Layout.Dims[0], length = x.Layout.Dims[1], width = x.Layout.Dims[2];
        double[] p = Load(x), gx = Load(gateX), ga = Load(gateA), r = Load(rate), states = new double[p.Length];
        double[]? start = LoadOrNull(initial), marks = LoadOrNull(reset);
        for (var i = 0; i < states.Length; i++)
        {
            int c = i % width, t = i / width % length, n = i / width / length;
            var own = Sigmoid(gx[i]) * p[i];
            if (marks is not null && marks[n * length + t] != 0)
            {
                states[i] = own;
                continue;
            }

            var log = -r[c] * Sigmoid(ga[i]);
            states[i] = Math.Exp(log) * (t > 0 ? states[i - width] : start?[n * width + c] ?? 0) + RgLruMultiplier(log) * own;
        }

        Store(h, states);
    }

    public void RgLruVjp(
        Tensor dh, Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h,
        Tensor dx, Tensor dgateX, Tensor dgateA, Tensor drate, Tensor? dinitial)
    {
        int batch = x.Layout.Dims[0], length = x.Layout.Dims[1], width = x.Layout.Dims[2];
        double[] g = Load(dh), p = Load(x), gx = Load(gateX), ga = Load(gateA), r = Load(rate), states = Load(h);
        double[] rx = new double[p.Length], rgx = new double[p.Length], rga = new double[p.Length], rr = new double[width], rest = new double[batch * width];
        double[]? start = LoadOrNull(initial), marks = LoadOrNull(reset);
        for (var i = p.Length - 1; i >= 0; i--)
        {
            int c = i % width, t = i / width % length, n = i / width / length, at = n * width + c;
            double open = Sigmoid(gx[i]), e = g[i] + rest[at], dy = e;
            rest[at] = 0;
            if (marks is null || marks[n * length + t] == 0)
            {
                double rho = Sigmoid(ga[i]), a = Math.Exp(-r[c] * rho), m = RgLruMultiplier(-r[c] * rho), before = t > 0 ? states[i - width] : start?[at] ?? 0;
                var dlog = a * e * before - 2 * a * a * e * open * p[i] / Math.Max(2 * m, 1e-3);
                dy = e * m;
                rest[at] = a * e;
                rga[i] = -r[c] * dlog * rho * (1 - rho);
                rr[c] -= dlog * rho;
            }

            rx[i] = dy * open;
            rgx[i] = dy * p[i] * open * (1 - open);
        }

        Store(dx, rx);
        Store(dgateX, rgx);
        Store(dgateA, rga);
        Store(drate, rr);
        StoreOrNot(dinitial, rest);
    }

    /// <summary>√(1 - a²) from log a: 1 - e^(2x) = -2 eˣ sinh x, without cancellation.</summary>
    private static double RgLruMultiplier(double logA) => Math.Sqrt(-2 * Math.Exp(logA) * Math.Sinh(logA));

    public void TokenShift(Tensor x, Tensor mix, Tensor? initial, Tensor y)
    {
        int batch = x.Layout.Dims[0], length = x.Layout.Dims[1], width = x.Layout.Dims[2], plane = batch * length * width;
        double[] p = Load(x), w = Load(mix), r = new double[w.Length / Math.Max(1, width) * plane];
        var start = LoadOrNull(initial);
        for (var i = 0; i < r.Length; i++)
        {
            var (m, at) = (i / plane, i % plane);
            r[i] = p[at] + (Before(p, start, at, length, width) - p[at]) * w[m * width + at % width];
        }

        Store(y, r);
    }

    public void TokenShiftVjp(Tensor dy, Tensor x, Tensor mix, Tensor? initial, Tensor dx, Tensor dmix, Tensor? dinitial)
    {
        int batch = x.Layout.Dims[0], length = x.Layout.Dims[1], width = x.Layout.Dims[2], plane = batch * length * width;
        double[] g = Load(dy), p = Load(x), w = Load(mix), rx = new double[p.Length], rw = new double[w.Length], ri = new double[batch * width];
        var start = LoadOrNull(initial);
        for (var i = 0; i < g.Length; i++)
        {
            int m = i / plane, at = i % plane, c = at % width, t = at / width % length;
            rx[at] += g[i] * (1 - w[m * width + c]);
            if (t > 0) rx[at - width] += g[i] * w[m * width + c];
            else ri[at / width / length * width + c] += g[i] * w[m * width + c];
            rw[m * width + c] += g[i] * (Before(p, start, at, length, width) - p[at]);
        }

        Store(dx, rx);
        Store(dmix, rw);
        StoreOrNot(dinitial, ri);
    }

    /// <summary>The element one step before, from the state at the first step.</summary>
    private static double Before(double[] x, double[]? initial, int at, int length, int width) =>
        at / width % length > 0 ? x[at - width] : initial?[at / width / length * width + at % width] ?? 0;

    public void MatrixState(in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b,
        Tensor? initial, Tensor output, Tensor final, Tensor? kept)
    {
        int batch = q.Layout.Dims[0], length = q.Layout.Dims[1], heads = q.Layout.Dims[2], dk = q.Layout.Dims[3], dv = v.Layout.Dims[3];
        double[] ql = Load(q), kl = Load(k), vl = Load(v), r = new double[output.Count], last = new double[final.Count], all = new double[batch * heads * length * dk * dv];
        double[]? fade = LoadOrNull(decay), al = LoadOrNull(a), bl = LoadOrNull(b), start = LoadOrNull(initial);
        for (var n = 0; n < batch; n++)
            for (var h = 0; h < heads; h++)
            {
                var s = new double[dk * dv];
                start?.AsSpan((n * heads + h) * dk * dv, dk * dv).CopyTo(s);
                for (var t = 0; t < length; t++)
                {
                    s.CopyTo(all, ((n * heads + h) * length + t) * dk * dv);
                    int at = ((n * length + t) * heads + h) * dk, to = ((n * length + t) * heads + h) * dv;
                    var u = new double[dv];
                    for (var j = 0; j < dv && al is not null; j++)
                        for (var i = 0; i < dk; i++) u[j] += al[at + i] * s[i * dv + j];
                    for (var i = 0; i < dk; i++)
                        for (var j = 0; j < dv; j++)
                            s[i * dv + j] = Fade(spec, fade, at + i, h) * s[i * dv + j] + (bl?[at + i] ?? 0) * u[j] + kl[at + i] * vl[to + j];
                    for (var j = 0; j < dv; j++)
                        for (var i = 0; i < dk; i++) r[to + j] += spec.Scale * ql[at + i] * s[i * dv + j];
                }

                s.CopyTo(last, (n * heads + h) * dk * dv);
            }

        Store(output, r);
        Store(final, last);
        StoreOrNot(kept, all);
    }

    public void MatrixStateVjp(in MatrixStateSpec spec, Tensor dout, Tensor? dfinal, Tensor q, Tensor k, Tensor v, Tensor? decay,
        Tensor? a, Tensor? b, Tensor kept, Tensor dq, Tensor dk, Tensor dv, Tensor? ddecay, Tensor? da, Tensor? db, Tensor? dinitial)
    {
        int batch = q.Layout.Dims[0], length = q.Layout.Dims[1], heads = q.Layout.Dims[2], n = q.Layout.Dims[3], m = v.Layout.Dims[3];
        double[] g = Load(dout), ql = Load(q), kl = Load(k), vl = Load(v), states = Load(kept);
        double[]? fade = LoadOrNull(decay), al = LoadOrNull(a), bl = LoadOrNull(b), end = LoadOrNull(dfinal);
        double[] rq = new double[ql.Length], rk = new double[ql.Length], rv = new double[vl.Length], rd = new double[ql.Length];
        double[] ra = new double[ql.Length], rb = new double[ql.Length], ri = new double[batch * heads * n * m];
        for (var row = 0; row < batch * heads; row++)
        {
            int bi = row / heads, h = row % heads;
            var rest = new double[n * m];
            end?.AsSpan(row * n * m, n * m).CopyTo(rest);
            for (var t = length - 1; t >= 0; t--)
            {
                int at = ((bi * length + t) * heads + h) * n, to = ((bi * length + t) * heads + h) * m;
                var before = states.AsSpan((row * length + t) * n * m, n * m);
                var u = new double[m];
                for (var j = 0; j < m && al is not null; j++)
                    for (var i = 0; i < n; i++) u[j] += al[at + i] * before[i * m + j];
                var du = new double[m];
                var next = new double[n * m];
                for (var i = 0; i < n; i++)
                {
                    var f = Fade(spec, fade, at + i, h);
                    for (var j = 0; j < m; j++)
                    {
                        var old = before[i * m + j];
                        var state = f * old + (bl?[at + i] ?? 0) * u[j] + kl[at + i] * vl[to + j];
                        var p = rest[i * m + j] + spec.Scale * ql[at + i] * g[to + j];
                        rq[at + i] += spec.Scale * g[to + j] * state;
                        rk[at + i] += vl[to + j] * p;
                        rv[to + j] += kl[at + i] * p;
                        rd[at + i] += (spec.Decay == StateDecayKind.Log ? f : 1) * p * old;
                        rb[at + i] += u[j] * p;
                        du[j] += (bl?[at + i] ?? 0) * p;
                        next[i * m + j] = f * p;
                    }
                }

                for (var i = 0; i < n && al is not null; i++)
                    for (var j = 0; j < m; j++)
                    {
                        ra[at + i] += du[j] * before[i * m + j];
                        next[i * m + j] += al[at + i] * du[j];
                    }

                rest = next;
            }

            rest.CopyTo(ri, row * n * m);
        }

        Store(dq, rq);
        Store(dk, rk);
        Store(dv, rv);
        StoreOrNot(ddecay, rd);
        StoreOrNot(da, ra);
        StoreOrNot(db, rb);
        StoreOrNot(dinitial, ri);
    }

    private static double Fade(in MatrixStateSpec spec, double[]? decay, int at, int head) => spec.Decay switch
    {
        StateDecayKind.None => 1,
        StateDecayKind.PerHead => spec.HeadFactors![head],
        StateDecayKind.Log => Math.Exp(decay![at]),
        _ => decay![at],
    };
}
