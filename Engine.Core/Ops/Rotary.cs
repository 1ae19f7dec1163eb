using System.Collections.Concurrent;
using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;

namespace Edifice.Engine.Ops
{
    /// <summary>Which frequencies a rotation has; equal families share cached tables.</summary>
    /// <param name="Base">Base of the geometric sequence.</param>
    /// <param name="Pairs">n.</param>
    /// <param name="EndsAtInverse">False: base^(-i/n) (rotary embedding). True: base^(-i/(n-1)), the last exactly 1/base (RetNet's
    /// official layout); 1 when n = 1.</param>
    internal sealed record RotaryFrequencies(double Base, int Pairs, bool EndsAtInverse)
    {
        public double this[int i] => !EndsAtInverse ? Math.Pow(Base, -(double)i / Pairs)
            : Pairs == 1 ? 1 : Math.Pow(Base, -(double)i / (Pairs - 1));
    }

    /// <summary>Rotation of channel pairs by position. One op serves rotary embedding (whole, partial, interleaved, with positions
    /// per batch row) and RetNet's layout.</summary>
    internal static class Rotary
    {
        /// <summary>Positions below this come from cached tables; beyond, the few rows of a step are computed on the spot.</summary>
        private const int CachedPositions = 1 << 16;

        private static readonly ConcurrentDictionary<(RotaryFrequencies, DType, Device), (Tensor Cos, Tensor Sin)> s_tables = new();

        public static Tensor Run(string op, Tensor x, RotaryFrequencies frequencies, int offset, bool interleaved)
        {
            Check(op, x);
            var (cos, sin) = Table(frequencies, offset, x.Layout.Dims[1], x.DType, x.Device);
            return Rotate(x, cos, sin, interleaved, inverse: false);
        }

        public static Tensor RunAt(string op, Tensor x, RotaryFrequencies frequencies, Tensor positions, bool interleaved)
        {
            Check(op, x);
            int batch = x.Layout.Dims[0], length = x.Layout.Dims[1];
            if (!positions.Layout.Dims.AsSpan().SequenceEqual([batch, length]))
                throw TensorException.For(op, $"the positions must be [{batch}, {length}]", x, positions);
            if (Rows(frequencies, positions.Detach(), x) is not var (cos, sin))
                (cos, sin) = Compute(frequencies, positions.Detach().To(Device.Cpu).To(DType.Float64).ToArray<double>(), x.DType, x.Device);
            return Rotate(x, cos.Reshape(batch, length, -1), sin.Reshape(batch, length, -1), interleaved, inverse: false);
        }

        /// <summary>On other devices than the CPU whole positions pick rows of the table that is there; only their range is read. Null: not
        /// whole numbers, or beyond the table.</summary>
        private static (Tensor Cos, Tensor Sin)? Rows(RotaryFrequencies frequencies, Tensor positions, Tensor x)
        {
            if (x.Device.Kind == DeviceKind.Cpu || positions.Device != x.Device || positions.DType is not (DType.Int32 or DType.Int64) || positions.Count == 0) return null;
            double low = positions.Min().Item(), high = positions.Max().Item();
            if (low < 0 || high >= CachedPositions) return null;
            var (cos, sin) = Table(frequencies, 0, (int)high + 1, x.DType, x.Device);
            var rows = positions.To(DType.Int64).Reshape(-1);
            return (cos.Squeeze(0).IndexSelect(0, rows), sin.Squeeze(0).IndexSelect(0, rows));
        }

        private static void Check(string op, Tensor x)
        {
            if (x.Rank != 4) throw TensorException.For(op, "needs x [B, L, h, d]", x);
            if (!x.DType.IsComputeFloat()) throw TensorException.For(op, "is computed in Float32 and Float64: convert with .To(…)", x);
        }

        private static Tensor Rotate(Tensor x, Tensor cos, Tensor sin, bool interleaved, bool inverse)
        {
            x = x.Contiguous();
            var y = x.AllocateLike();
            if (x.Count > 0) x.Backend.Rotate(x, cos, sin, interleaved, inverse, y);
            // A rotation's adjoint is the rotation back.
            return Tape.Record("rope", y, [x], [cos, sin], (n, g) => [Rotate(g[0]!, n.Saved(0), n.Saved(1), interleaved, !inverse)]);
        }

        private static (Tensor Cos, Tensor Sin) Table(RotaryFrequencies frequencies, int offset, int length, DType dtype, Device device)
        {
            using var outside = TensorScope.Suspend();
            using var off = GradMode.Off();
            if (offset < 0 || (long)offset + length > CachedPositions)
            {
                var at = new double[length];
                for (var t = 0; t < length; t++) at[t] = (double)offset + t;
                var (c, s) = Compute(frequencies, at, dtype, device);
                return (c.Unsqueeze(0), s.Unsqueeze(0));
            }

            var key = (frequencies, dtype, device);
            if (!s_tables.TryGetValue(key, out var table) || table.Cos.Layout.Dims[0] < offset + length || table.Cos.Storage.IsLost)
            {
                var rows = 64;
                while (rows < offset + length) rows *= 2;
                var at = new double[rows];
                for (var t = 0; t < rows; t++) at[t] = t;
                s_tables[key] = table = Compute(frequencies, at, dtype, device);
            }

            return (table.Cos.Narrow(0, offset, length).Unsqueeze(0), table.Sin.Narrow(0, offset, length).Unsqueeze(0));
        }

        /// <summary>Angles in double, then cos and sin rounded once: float32 angles would be off by 1e-4 at t = 4096.</summary>
        private static (Tensor Cos, Tensor Sin) Compute(RotaryFrequencies frequencies, double[] positions, DType dtype, Device device)
        {
            var n = frequencies.Pairs;
            double[] cos = new double[positions.Length * n], sin = new double[cos.Length];
            for (var i = 0; i < n; i++)
            {
                var omega = frequencies[i];
                for (var t = 0; t < positions.Length; t++) (sin[t * n + i], cos[t * n + i]) = Math.SinCos(positions[t] * omega);
            }

            return (Tensor.FromDoubles(cos, [positions.Length, n], dtype, device), Tensor.FromDoubles(sin, [positions.Length, n], dtype, device));
        }

        public static RotaryFrequencies RopeFrequencies(string op, Tensor x, double @base, int? rotaryDim)
        {
            var d = x.Rank == 4 ? x.Layout.Dims[3] : 0;
            var r = rotaryDim ?? d;
            if (r < 2 || r % 2 != 0 || r > d) throw TensorException.For(op, $"the rotated width must be even and in [2, {d}], got {r}", x);
            if (!(@base > 1)) throw TensorException.For(op, $"the base must be above 1, got {@base}", x);
            return new RotaryFrequencies(@base, r / 2, false);
        }

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("rope", c => c["x"].Rope(
                    c.Options.Double("base", 10000), c.Options.Int("offset", 0), c.Options.IntOrNull("rotary_dim"), c.Options.Bool("interleaved", false)),
                () => OpCase.Of("""{"offset": 3}""", ("x", Sample.Normal(2, 4, 2, 6))),
                () => OpCase.Of("""{"interleaved": true, "rotary_dim": 4}""", ("x", Sample.Normal(1, 5, 2, 6))));
            yield return new OpEntry("rope_partial", c => c["x"].RopeAt(c["positions"], c.Options.Double("base", 10000), c["x"].Size(-1) / 2),
                () => OpCase.Of(("x", Sample.Normal(2, 3, 2, 8)), ("positions", Sample.Whole(50, 2, 3))));
            yield return new OpEntry("retnet_rotary", c => [("y", c.Options.Text("rotary", "retnet") switch
                {
                    "retnet" => c["x"].RetNetRotary(c.Options.Int("offset", 0)),
                    "rope" => c["x"].Rope(offset: c.Options.Int("offset", 0)),
                    var other => throw new TensorException($"retnet_rotary: rotary must be 'retnet' or 'rope', got '{other}'"),
                })],
                () => OpCase.Of("""{"offset": 2}""", ("x", Sample.Normal(1, 4, 2, 6))));
        }
    }
}

namespace Edifice.Engine
{
    public sealed partial class Tensor
    {
        /// <summary>Rotary position embedding (Su et al. 2021, section 3.2) of x [B, L, h, d]: pair i turns by
        /// (offset + t) base^(-2i/r). Angles are formed in double.</summary>
        /// <param name="base">Above 1.</param>
        /// <param name="offset">Position of row 0.</param>
        /// <param name="rotaryDim">r, even; null: d. Channels from r on are unchanged.</param>
        /// <param name="interleaved">Pairs (2i, 2i+1) instead of halves (i, i + r/2).</param>
        public Tensor Rope(double @base = 10000, int offset = 0, int? rotaryDim = null, bool interleaved = false) =>
            Rotary.Run("rope", this, Rotary.RopeFrequencies("rope", this, @base, rotaryDim), offset, interleaved);

        /// <summary>As <see cref="Rope"/> with halves, at positions [B, L] given per batch row.</summary>
        public Tensor RopeAt(Tensor positions, double @base = 10000, int? rotaryDim = null)
        {
            ArgumentNullException.ThrowIfNull(positions);
            return Rotary.RunAt("rope_partial", this, Rotary.RopeFrequencies("rope_partial", this, @base, rotaryDim), positions, false);
        }

        /// <summary>RetNet's rotation: pairs (2i, 2i+1), angles (offset + t) 10000^(-i/(n-1)), n = d/2.</summary>
        public Tensor RetNetRotary(int offset = 0)
        {
            if (Rank != 4 || Layout.Dims[3] % 2 != 0 || Layout.Dims[3] == 0) throw TensorException.For("retnet_rotary", "needs x [B, L, h, dk] with dk even", this);
            return Rotary.Run("retnet_rotary", this, new RotaryFrequencies(10000, Layout.Dims[3] / 2, true), offset, interleaved: true);
        }
    }
}
