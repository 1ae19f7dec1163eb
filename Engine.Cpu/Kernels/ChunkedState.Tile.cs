using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Up to sixteen steps of one batch row and head: the operands, and what follows from them without the state.</summary>
/// <remarks>
/// <para>Sixteen steps, because the state is near: products inside a chunk cost as many operations per step as it has steps,
/// while all that a longer one saves is loads of the state. With 32, heads of 64, retention was as fast, GLA 7 % and WKV-7 12 %
/// slower.</para>
/// <para>Rows of vectors are whole registers; surplus lanes of value vectors are 0, those of key vectors anything. Rows beyond
/// <see cref="Count"/> mean nothing, nor does what is made of them.</para>
/// </remarks>
internal unsafe struct ChunkedStateTile<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The most steps.</summary>
    public const int Rows = ChunkWorkspace<T>.Rows;

    public MatrixStateProblem<T>* Problem;

    /// <summary>The first step, and how many.</summary>
    public int Start, Count;

    /// <summary>Distances of rows of key and value vectors.</summary>
    public int KeyPitch, ValuePitch;

    /// <summary>[16, dk]: scale q, k, a, b, and the factors by which the state fades at each step. The last three null where there is
    /// no delta rule, and where the factors are the same for all channels.</summary>
    public T* Q, K, A, B, Fades;

    /// <summary>q and a decayed from the start of the chunk, k and b to its end; all of it decayed: one factor per channel.</summary>
    public T* QIn, AIn, KOut, BOut, Whole;

    /// <summary>[16, dv]: v, and u (delta rule).</summary>
    public T* Values, U;

    /// <summary>[16, 16]: what step t reads of the key of step s; lower triangular, those of <c>a</c> without the diagonal.</summary>
    public T* QK, QB, AK, AB;

    private ChunkWorkspace<T>* _work;

    public ChunkedStateTile(MatrixStateProblem<T>* problem, ChunkWorkspace<T>* work, int keyPitch, int valuePitch, ref T* memory)
    {
        Problem = problem;
        _work = work;
        (KeyPitch, ValuePitch) = (keyPitch, valuePitch);
        Q = Take(ref memory, Rows * keyPitch);
        K = Take(ref memory, Rows * keyPitch);
        QIn = Take(ref memory, Rows * keyPitch);
        KOut = Take(ref memory, Rows * keyPitch);
        Whole = Take(ref memory, keyPitch);
        Values = Take(ref memory, Rows * valuePitch);
        QK = Take(ref memory, Rows * Rows);
        if (Channelwise) Fades = Take(ref memory, Rows * keyPitch);
        if (!Delta) return;
        A = Take(ref memory, Rows * keyPitch);
        B = Take(ref memory, Rows * keyPitch);
        AIn = Take(ref memory, Rows * keyPitch);
        BOut = Take(ref memory, Rows * keyPitch);
        U = Take(ref memory, Rows * valuePitch);
        QB = Take(ref memory, Rows * Rows);
        AK = Take(ref memory, Rows * Rows);
        AB = Take(ref memory, Rows * Rows);
    }

    /// <summary>Elements of memory that a tile takes at most.</summary>
    public static long Size(int keyPitch, int valuePitch) => Rows * (9L * keyPitch + 2L * valuePitch + 4 * Rows) + keyPitch;

    /// <summary>The next <paramref name="count"/> elements.</summary>
    public static T* Take(ref T* memory, long count)
    {
        var p = memory;
        memory += count;
        return p;
    }

    /// <summary>Whether every channel fades by itself.</summary>
    public readonly bool Channelwise => Problem->Decay != null || Delta;

    /// <summary>Whether there is a delta rule.</summary>
    public readonly bool Delta => Problem->A != null;

    /// <summary>Where tiles end: at the next kept state, after sixteen steps, or with the sequence.</summary>
    public static int End(MatrixStateProblem<T>* p, int start) =>
        Math.Min(Math.Min(start + Rows, (start / p->Spacing + 1) * p->Spacing), p->Length);

    /// <summary>Reads the steps from <paramref name="start"/> to <paramref name="end"/>.</summary>
    /// <param name="batch">Batch row.</param>
    /// <param name="head">Head.</param>
    /// <param name="start">First step.</param>
    /// <param name="end">One past the last.</param>
    /// <param name="firstValue">First value channel.</param>
    /// <param name="values">How many of them.</param>
    /// <param name="next">How many steps from here on the steps lie that will be read some time later.</param>
    public void Load(long batch, long head, int start, int end, int firstValue, int values, int next)
    {
        var p = Problem;
        (Start, Count) = (start, end - start);
        var key = p->Key(batch, start, head);
        Copy(p->Q + key, p->KeyStep, p->KeyWidth, V.Const(p->Scale), Q, KeyPitch, next);
        Copy(p->K + key, p->KeyStep, p->KeyWidth, V.Const(1), K, KeyPitch, next);
        Copy(p->V + p->Value(batch, start, head) + firstValue, p->ValueStep, values, V.Const(1), Values, ValuePitch, next);
        for (var t = 0; t < Count && Channelwise; t++) p->Fade<V>(batch, start + t, head, Fades + (long)t * KeyPitch, next);
        if (!Delta) return;
        Copy(p->A + key, p->KeyStep, p->KeyWidth, V.Const(1), A, KeyPitch, next);
        Copy(p->B + key, p->KeyStep, p->KeyWidth, V.Const(1), B, KeyPitch, next);
    }

    /// <summary>Vectors of consecutive steps, times a number, into rows of whole registers.</summary>
    /// <remarks>A head's vectors lie far apart, which the processor does not foresee: those <paramref name="next"/> steps further on are
    /// asked for here.</remarks>
    public readonly void Copy(T* source, nint step, int width, V factor, T* target, int pitch, int next)
    {
        var ahead = next * step;
        for (var t = 0; t < Count; t++, source += step, target += pitch)
        {
            var x = 0;
            for (; x + V.Count <= width; x += V.Count)
            {
                CacheHint.Prefetch(source + ahead + x);
                V.Store(factor * V.Load(source + x), target + x);
            }

            if (x < width) V.Store(factor * V.LoadPartial(source + x, width - x), target + x);
        }
    }

    /// <summary>Rows of whole registers back to vectors of consecutive steps, times a number.</summary>
    public readonly void CopyBack(T* source, int pitch, V factor, T* target, nint step, int width, int next)
    {
        var ahead = next * step;
        for (var t = 0; t < Count; t++, source += pitch, target += step)
        {
            var x = 0;
            for (; x + V.Count <= width; x += V.Count)
            {
                CacheHint.Prefetch(target + ahead + x);
                V.Store(factor * V.Load(source + x), target + x);
            }

            if (x < width) V.StorePartial(factor * V.Load(source + x), target + x, width - x);
        }
    }

    /// <summary>Forms scores and decayed vectors (equations 11 to 13 of the page on recurrent ops, 11 and 12 of that on RWKV-7).</summary>
    public readonly void Form()
    {
        var work = _work;
        ChunkProducts<V, T>.Transpose(Rows, KeyPitch, K, KeyPitch, work->Columns, Rows);
        if (!Channelwise)
        {
            ChunkProducts<V, T>.Run(Count, Rows, Problem->KeyWidth, Q, KeyPitch, 1, work->Columns, Rows, QK, Rows, false);
            FadeScores(QK);
            FadeAlike(Q, QIn, K, KOut);
            for (var x = 0; x < KeyPitch; x += V.Count) V.Store(V.Splat(Power(Count)), Whole + x);
            return;
        }

        FadeChannels();
        if (!Delta)
        {
            ChunkScores<V, T>.Run(Problem->KeyWidth, work->Columns, work->Running, work->Masks, Fades, Q, KeyPitch, QK);
            return;
        }

        ChunkScores<V, T>.Run(Problem->KeyWidth, work->Columns, work->Running, work->Masks, Fades, Q, A, KeyPitch, QK, AK);
        ChunkProducts<V, T>.Transpose(Rows, KeyPitch, B, KeyPitch, work->Columns, Rows);
        ChunkScores<V, T>.Run(Problem->KeyWidth, work->Columns, work->Running, work->Masks, Fades, Q, A, KeyPitch, QB, AB);
    }

    /// <summary>Multiplies scores by the head's factor to the power of the distance, and clears what lies above the diagonal.</summary>
    public readonly void FadeScores(T* scores)
    {
        for (var t = 0; t < Count; t++, scores += Rows)
        {
            var powers = _work->Powers + (Rows - t); // lane s: the power t - s
            for (var s = 0; s <= t; s += V.Count) V.Store(V.Load(scores + s) * V.Load(powers + s), scores + s);
            new Span<T>(scores + t + 1, Rows - 1 - t).Clear();
        }
    }

    /// <summary>The head's factor to the power <paramref name="steps"/>.</summary>
    private readonly T Power(int steps) => _work->Powers[Rows - steps];

    /// <summary>Where one factor serves all channels: <paramref name="reading"/> decayed from the start of the chunk,
    /// <paramref name="written"/> to its end. The results may be the operands.</summary>
    public readonly void FadeAlike(T* reading, T* readingIn, T* written, T* writtenOut)
    {
        for (var t = 0; t < Count; t++)
        {
            V first = V.Splat(Power(t + 1)), last = V.Splat(Power(Count - 1 - t));
            var row = (long)t * KeyPitch;
            for (var x = 0; x < KeyPitch; x += V.Count)
            {
                V.Store(V.Load(reading + row + x) * first, readingIn + row + x);
                V.Store(V.Load(written + row + x) * last, writtenOut + row + x);
            }
        }
    }

    private readonly void FadeChannels()
    {
        for (var x = 0; x < KeyPitch; x += V.Count)
        {
            var decay = V.Const(1);
            for (var t = 0; t < Count; t++)
            {
                var at = (long)t * KeyPitch + x;
                if (AIn != null) V.Store(V.Load(A + at) * decay, AIn + at);
                decay *= V.Load(Fades + at);
                V.Store(V.Load(Q + at) * decay, QIn + at);
            }

            V.Store(decay, Whole + x);
            decay = V.Const(1);
            for (var t = Count - 1; t >= 0; t--)
            {
                var at = (long)t * KeyPitch + x;
                V.Store(V.Load(K + at) * decay, KOut + at);
                if (BOut != null) V.Store(V.Load(B + at) * decay, BOut + at);
                decay *= V.Load(Fades + at);
            }
        }
    }

    /// <summary>u of all steps from the state before them: a unit lower triangular system (equation 13 of the page on RWKV-7).</summary>
    /// <remarks>By forward substitution, which stays accurate when keys repeat; an explicit inverse would not.</remarks>
    public readonly void Solve(T* state)
    {
        ChunkProducts<V, T>.Run(Count, ValuePitch, Problem->KeyWidth, AIn, KeyPitch, 1, state, ValuePitch, U, ValuePitch, false);
        ChunkProducts<V, T>.AddLower(Count, ValuePitch, AK, Rows, Values, ValuePitch, U, ValuePitch);
        for (var x = 0; x < ValuePitch; x += V.Count)
        {
            for (var t = 1; t < Count; t++)
            {
                var u = V.Load(U + (long)t * ValuePitch + x);
                for (var s = 0; s < t; s++) u = V.MultiplyAdd(V.Splat(AB[t * Rows + s]), V.Load(U + (long)s * ValuePitch + x), u);
                V.Store(u, U + (long)t * ValuePitch + x);
            }
        }
    }

    /// <summary>The outputs, from the state before (equation 12; 14).</summary>
    public readonly void Read(T* state, T* output)
    {
        ChunkProducts<V, T>.Run(Count, ValuePitch, Problem->KeyWidth, QIn, KeyPitch, 1, state, ValuePitch, output, ValuePitch, false);
        if (Delta) ChunkProducts<V, T>.AddLower(Count, ValuePitch, QB, Rows, U, ValuePitch, output, ValuePitch);
        ChunkProducts<V, T>.AddLower(Count, ValuePitch, QK, Rows, Values, ValuePitch, output, ValuePitch);
    }

    /// <summary>The state after (equation 13; 15); <paramref name="next"/> may be <paramref name="state"/>.</summary>
    public readonly void Advance(T* state, T* next)
    {
        Fade(state, next);
        if (Delta) ChunkProducts<V, T>.Run(Problem->KeyWidth, ValuePitch, Count, BOut, 1, KeyPitch, U, ValuePitch, next, ValuePitch, true);
        ChunkProducts<V, T>.Run(Problem->KeyWidth, ValuePitch, Count, KOut, 1, KeyPitch, Values, ValuePitch, next, ValuePitch, true);
    }

    /// <summary>target = diag(whole) source.</summary>
    public readonly void Fade(T* source, T* target)
    {
        if (Problem->Kind == StateDecayKind.None && source == target) return;
        for (var i = 0; i < Problem->KeyWidth; i++, source += ValuePitch, target += ValuePitch)
        {
            var factor = V.Splat(Whole[i]);
            for (var x = 0; x < ValuePitch; x += V.Count) V.Store(factor * V.Load(source + x), target + x);
        }
    }
}

/// <summary>Memory and tables that the tiles of one thread share.</summary>
internal unsafe struct ChunkWorkspace<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>The most steps of a tile.</summary>
    public const int Rows = 16;

    /// <summary>[dk, 16]: keys as columns, and the same decayed.</summary>
    public T* Columns, Running;

    /// <summary>[16, 16]: all bits set on the diagonal, elsewhere none.</summary>
    public T* Masks;

    /// <summary>Lane 16 - n: the head's factor to the power n, for n from 16 to 0, computed in double and rounded once (0⁰ = 1); then zeros.</summary>
    public T* Powers;

    /// <summary>Elements of memory taken.</summary>
    public static long Size(int keyPitch) => 2L * Rows * keyPitch + Rows * Rows + 3 * Rows;

    public ChunkWorkspace(MatrixStateProblem<T>* p, long head, int keyPitch, ref T* memory)
    {
        Columns = memory;
        Running = Columns + Rows * keyPitch;
        Masks = Running + Rows * keyPitch;
        Powers = Masks + Rows * Rows;
        memory = Powers + 3 * Rows;
        var factor = p->HeadFactors == null ? 1 : p->HeadFactors[head];
        new Span<T>(Powers, 3 * Rows).Clear();
        for (var n = 0; n <= Rows; n++) Powers[Rows - n] = T.CreateChecked(Math.Pow(factor, n));
        new Span<T>(Masks, Rows * Rows).Clear();
        for (var t = 0; t < Rows; t++) new Span<byte>((byte*)(Masks + t * Rows + t), sizeof(T)).Fill(255);
    }
}
