using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Backward pass of the matrix-state recurrence by chunks: from kept state to kept state, last to first; the chunks between
/// two of them are formed again on the way forth and pulled back on the way back.</summary>
/// <remarks>Equations (16) to (21) of the page on recurrent ops, (25) to (27) where the factors are the same for all channels, (16) to
/// (21) of the page on RWKV-7; the decays by <see cref="ChunkPairs{V,T}"/> instead of differences. Per batch row and head, memory for
/// one stretch between kept states.</remarks>
internal unsafe struct ChunkedStateBackward<V, T> : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Rows = ChunkedStateTile<V, T>.Rows;

    public MatrixStateProblem<T>* Problem;

    public readonly void Run(long tile)
    {
        var p = Problem;
        long batch = tile / p->Heads, head = tile % p->Heads;
        int keyPitch = Registers.Whole<V, T>(p->KeyWidth), valuePitch = Registers.Whole<V, T>(p->ValueWidth);
        var stateSize = (long)p->KeyWidth * valuePitch;
        var tileSize = ChunkedStateTile<V, T>.Size(keyPitch, valuePitch);
        var most = (Math.Min(p->Spacing, p->Length) + Rows - 1) / Rows;
        using var scratch = new Scratch<T>((most + 1) * stateSize + most * tileSize + ChunkWorkspace<T>.Size(keyPitch)
            + Pull.Size(keyPitch, valuePitch));
        var memory = scratch.Pointer;
        var states = ChunkedStateTile<V, T>.Take(ref memory, most * stateSize);
        var r = ChunkedStateTile<V, T>.Take(ref memory, stateSize);
        new Span<T>(states, checked((int)((most + 1) * stateSize))).Clear();
        if (p->DFinal != null) p->Load(p->DFinal + p->State(batch, head), 0, p->ValueWidth, r, valuePitch);
        var work = new ChunkWorkspace<T>(p, head, keyPitch, ref memory);
        var pull = new Pull(p, batch, head, keyPitch, valuePitch, ref memory);
        var tiles = stackalloc ChunkedStateTile<V, T>[most];
        for (var i = 0; i < most; i++) tiles[i] = new ChunkedStateTile<V, T>(p, &work, keyPitch, valuePitch, ref memory);

        for (var segment = p->KeptCount - 1; segment >= 0; segment--)
        {
            int start = segment * p->Spacing, last = Math.Min(start + p->Spacing, p->Length), count = 0;
            p->Load(p->Kept + p->KeptState(batch, head, segment), 0, p->ValueWidth, states, valuePitch);
            for (int end; start < last; start = end, count++)
            {
                end = ChunkedStateTile<V, T>.End(p, start);
                var state = states + count * stateSize;
                tiles[count].Load(batch, head, start, end, 0, p->ValueWidth, -p->Spacing);
                tiles[count].Form();
                if (tiles[count].Delta) tiles[count].Solve(state);
                if (end < last) tiles[count].Advance(state, state + stateSize);
            }

            while (count-- > 0) pull.Run(tiles[count], states + count * stateSize, r);
        }

        if (p->DInitial != null) p->Save(r, valuePitch, p->DInitial + p->State(batch, head), 0, p->ValueWidth);
    }

    /// <summary>Pulls cotangents back through one chunk.</summary>
    private readonly struct Pull
    {
        private readonly MatrixStateProblem<T>* _problem;
        private readonly long _batch, _head;
        private readonly int _keyPitch, _valuePitch;

        // [16, dv]: cotangents of the output, of v, of u and of the right sides of u's system.
        private readonly T* _dOut, _dValues, _dU;

        // [dv, 16]: the same, and v and u, as columns. [dk, 16]: products with states.
        private readonly T* _dOutColumns, _dUColumns, _valueColumns, _uColumns, _products;

        // [16, dk].
        private readonly T* _dQ, _dA, _dK, _dB, _dFade;

        // [16, 16].
        private readonly T* _dQK, _dQB, _dAK, _dAB;

        // Channels; memory of the pairs.
        private readonly T* _meeting, _table;

        public static long Size(int keyPitch, int valuePitch) =>
            Rows * (7L * valuePitch + 6L * keyPitch + 4 * Rows) + keyPitch + ChunkPairs<V, T>.TableSize;

        public Pull(MatrixStateProblem<T>* p, long batch, long head, int keyPitch, int valuePitch, ref T* memory)
        {
            _problem = p;
            (_batch, _head, _keyPitch, _valuePitch) = (batch, head, keyPitch, valuePitch);
            long keys = Rows * keyPitch, values = Rows * valuePitch, square = Rows * Rows;
            _dOut = ChunkedStateTile<V, T>.Take(ref memory, values);
            _dValues = ChunkedStateTile<V, T>.Take(ref memory, values);
            _dU = ChunkedStateTile<V, T>.Take(ref memory, values);
            _dOutColumns = ChunkedStateTile<V, T>.Take(ref memory, values);
            _dUColumns = ChunkedStateTile<V, T>.Take(ref memory, values);
            _valueColumns = ChunkedStateTile<V, T>.Take(ref memory, values);
            _uColumns = ChunkedStateTile<V, T>.Take(ref memory, values);
            _products = ChunkedStateTile<V, T>.Take(ref memory, keys);
            _dQ = ChunkedStateTile<V, T>.Take(ref memory, keys);
            _dA = ChunkedStateTile<V, T>.Take(ref memory, keys);
            _dK = ChunkedStateTile<V, T>.Take(ref memory, keys);
            _dB = ChunkedStateTile<V, T>.Take(ref memory, keys);
            _dFade = ChunkedStateTile<V, T>.Take(ref memory, keys);
            _dQK = ChunkedStateTile<V, T>.Take(ref memory, square);
            _dQB = ChunkedStateTile<V, T>.Take(ref memory, square);
            _dAK = ChunkedStateTile<V, T>.Take(ref memory, square);
            _dAB = ChunkedStateTile<V, T>.Take(ref memory, square);
            _meeting = ChunkedStateTile<V, T>.Take(ref memory, keyPitch);
            _table = ChunkedStateTile<V, T>.Take(ref memory, ChunkPairs<V, T>.TableSize);
        }

        /// <summary>Writes the gradients of a chunk's operands and turns <paramref name="r"/>, the derivative by the state after it, into
        /// that by the state before it.</summary>
        public void Run(in ChunkedStateTile<V, T> steps, T* state, T* r)
        {
            var p = _problem;
            var delta = steps.Delta;
            var value = p->Value(_batch, steps.Start, _head);
            steps.Copy(p->DOut + value, p->ValueStep, p->ValueWidth, V.Const(1), _dOut, _valuePitch, -Rows);
            Columns(_dOut, _dOutColumns);
            Columns(steps.Values, _valueColumns);

            // dv, and backwards through u's system.
            ChunkProducts<V, T>.Run(steps.Count, _valuePitch, p->KeyWidth, steps.KOut, _keyPitch, 1, r, _valuePitch, _dValues, _valuePitch, false);
            ChunkProducts<V, T>.AddLowerTransposed(steps.Count, _valuePitch, steps.QK, Rows, _dOut, _valuePitch, _dValues, _valuePitch);
            if (delta)
            {
                Solve(steps, r);
                ChunkProducts<V, T>.AddLowerTransposed(steps.Count, _valuePitch, steps.AK, Rows, _dU, _valuePitch, _dValues, _valuePitch);
                Columns(steps.U, _uColumns);
                Columns(_dU, _dUColumns);
            }

            steps.CopyBack(_dValues, _valuePitch, V.Const(1), p->DV + value, p->ValueStep, p->ValueWidth, -Rows);

            // Derivatives of the scores, and what the states before and after have to do with the key channels.
            Scores(steps, _dOut, _valueColumns, _dQK);
            StateProduct(state, _dOutColumns, _dQ);
            StateProduct(r, _valueColumns, _dK);
            if (delta)
            {
                Scores(steps, _dOut, _uColumns, _dQB);
                Scores(steps, _dU, _valueColumns, _dAK);
                Scores(steps, _dU, _uColumns, _dAB);
                StateProduct(state, _dUColumns, _dA);
                StateProduct(r, _uColumns, _dB);
            }

            if (steps.Channelwise) PullChannels(steps, state, r);
            else PullAlike(steps);
            Store(steps);

            steps.Fade(r, r);
            ChunkProducts<V, T>.Run(p->KeyWidth, _valuePitch, steps.Count, steps.QIn, 1, _keyPitch, _dOut, _valuePitch, r, _valuePitch, true);
            if (delta) ChunkProducts<V, T>.Run(p->KeyWidth, _valuePitch, steps.Count, steps.AIn, 1, _keyPitch, _dU, _valuePitch, r, _valuePitch, true);
        }

        /// <summary>du = QBᵀ dout + b r, then (I - AB)⁻ᵀ du by backward substitution.</summary>
        private void Solve(in ChunkedStateTile<V, T> steps, T* r)
        {
            nint pitch = _valuePitch;
            ChunkProducts<V, T>.Run(steps.Count, _valuePitch, _problem->KeyWidth, steps.BOut, _keyPitch, 1, r, pitch, _dU, pitch, false);
            ChunkProducts<V, T>.AddLowerTransposed(steps.Count, _valuePitch, steps.QB, Rows, _dOut, pitch, _dU, pitch);
            for (var x = 0; x < _valuePitch; x += V.Count)
            {
                for (var s = steps.Count - 2; s >= 0; s--)
                {
                    var d = V.Load(_dU + s * pitch + x);
                    for (var t = steps.Count - 1; t > s; t--) d = V.MultiplyAdd(V.Splat(steps.AB[t * Rows + s]), V.Load(_dU + t * pitch + x), d);
                    V.Store(d, _dU + s * pitch + x);
                }
            }
        }

        private void Columns(T* rows, T* columns) => ChunkProducts<V, T>.Transpose(Rows, _valuePitch, rows, _valuePitch, columns, Rows);

        private void Scores(in ChunkedStateTile<V, T> steps, T* rows, T* columns, T* scores) =>
            ChunkProducts<V, T>.Run(steps.Count, Rows, _problem->ValueWidth, rows, _valuePitch, 1, columns, Rows, scores, Rows, false);

        /// <summary>result[t] = x_t stateᵀ, as state xᵀ turned, which spares turning the state.</summary>
        private void StateProduct(T* state, T* columns, T* result)
        {
            ChunkProducts<V, T>.Run(_problem->KeyWidth, Rows, _problem->ValueWidth, state, _valuePitch, 1, columns, Rows, _products, Rows, false);
            ChunkProducts<V, T>.Transpose(_keyPitch, Rows, _products, Rows, result, _keyPitch);
        }

        private void PullAlike(in ChunkedStateTile<V, T> steps)
        {
            steps.FadeScores(_dQK);
            steps.FadeAlike(_dQ, _dQ, _dK, _dK);
            ChunkProducts<V, T>.AddLower(steps.Count, _keyPitch, _dQK, Rows, steps.K, _keyPitch, _dQ, _keyPitch);
            ChunkProducts<V, T>.AddLowerTransposed(steps.Count, _keyPitch, _dQK, Rows, steps.Q, _keyPitch, _dK, _keyPitch);
        }

        private void PullChannels(in ChunkedStateTile<V, T> steps, T* state, T* r)
        {
            var p = _problem;
            for (var i = 0; i < p->KeyWidth; i++)
            {
                var sum = V.Zero;
                var row = (nint)i * _valuePitch;
                for (var x = 0; x < _valuePitch; x += V.Count) sum = V.MultiplyAdd(V.Load(state + row + x), V.Load(r + row + x), sum);
                _meeting[i] = V.Sum(sum);
            }

            var delta = steps.Delta;
            ChunkPairs<V, T>.Start(steps, _meeting, _dQ, delta ? _dA : null, _dFade, _table);
            ChunkPairs<V, T>.Add(steps, steps.K, _dQK, delta ? _dAK : null, _dQ, delta ? _dA : null, _dK, _dFade, _table);
            if (delta) ChunkPairs<V, T>.Add(steps, steps.B, _dQB, _dAB, _dQ, _dA, _dB, _dFade, _table);
        }

        private void Store(in ChunkedStateTile<V, T> steps)
        {
            var p = _problem;
            var key = p->Key(_batch, steps.Start, _head);
            steps.CopyBack(_dQ, _keyPitch, V.Const(p->Scale), p->DQ + key, p->KeyStep, p->KeyWidth, -Rows);
            steps.CopyBack(_dK, _keyPitch, V.Const(1), p->DK + key, p->KeyStep, p->KeyWidth, -Rows);
            if (steps.Delta)
            {
                steps.CopyBack(_dA, _keyPitch, V.Const(1), p->DA + key, p->KeyStep, p->KeyWidth, -Rows);
                steps.CopyBack(_dB, _keyPitch, V.Const(1), p->DB + key, p->KeyStep, p->KeyWidth, -Rows);
            }

            if (p->DDecay == null) return;
            for (var x = 0; p->Kind == StateDecayKind.Log && x < steps.Count * _keyPitch; x += V.Count)
                V.Store(V.Load(_dFade + x) * V.Load(steps.Fades + x), _dFade + x);
            steps.CopyBack(_dFade, _keyPitch, V.Const(1), p->DDecay + key, p->KeyStep, p->KeyWidth, -Rows);
        }
    }
}
