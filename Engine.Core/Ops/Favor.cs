using Edifice.Engine.Autograd;

namespace Edifice.Engine
{
    /// <summary>Which kernel the random features estimate.</summary>
    public enum FavorKernel
    {
        /// <summary>e^(q·k/√d) by positive features.</summary>
        Softmax,

        /// <summary>Generalised attention with max(u, 0).</summary>
        Relu,
    }

    /// <summary>What is subtracted in the exponent of the keys' features.</summary>
    public enum KeyStabilizer
    {
        /// <summary>Nothing: exactly causal, streams, independent of the batch.</summary>
        None,

        /// <summary>The maximum over the sequence and the features.</summary>
        Sequence,

        /// <summary>The maximum over the whole tensor.</summary>
        Global,
    }

    public sealed partial class Tensor
    {
        /// <summary>FAVOR+ features (Choromanski et al. 2021, Lemma 1): φ = (e^{u - |w'|²/2 - s} + eps) / √m with u = w' Wᵀ,
        /// w' = d^(-1/4) x and s the stabiliser; relu: max(u, 0) + eps of the same u. Gradients flow through the maxima.</summary>
        /// <param name="projection">W [m, d] for x [B, L, h, d].</param>
        /// <param name="kernel">Which kernel.</param>
        /// <param name="isQuery">Queries subtract their own maximum over the features.</param>
        /// <param name="stabilizer">What keys subtract.</param>
        /// <param name="eps">Added to every feature.</param>
        public Tensor FavorFeatures(Tensor projection, FavorKernel kernel, bool isQuery, KeyStabilizer stabilizer, double eps)
        {
            ArgumentNullException.ThrowIfNull(projection);
            if (Rank != 4 || projection.Rank != 2 || projection.Layout.Dims[1] != Layout.Dims[3])
                throw TensorException.For("favor_features", "needs x [B, L, h, d] and a projection [m, d]", this, projection);
            // An error of u is one of the exponent: this product stays in full precision.
            using var full = MixedPrecision.Products(DType.Float32);
            // Scale and normaliser go where they touch fewest elements: into the small projection and into the one shift per row.
            double rootOfScale = Math.Pow(Layout.Dims[3], -0.25), features = projection.Layout.Dims[0];
            var u = MatMul((projection * rootOfScale).Transpose());
            if (kernel == FavorKernel.Relu) return u.Relu() + eps;
            var shift = Square().Sum(-1, keepdim: true) * (rootOfScale * rootOfScale / 2) + Math.Log(features) / 2;
            if (isQuery) shift += u.Max([-1], keepdim: true);
            else if (stabilizer == KeyStabilizer.Sequence) shift += u.Max([1, 3], keepdim: true);
            else if (stabilizer == KeyStabilizer.Global) shift += u.Max();
            return (u - shift).Exp() + eps / Math.Sqrt(features);
        }
    }
}

namespace Edifice.Engine.Ops
{
    /// <summary>The table's rows of random-feature attention.</summary>
    internal static class Favor
    {
        private static FavorKernel Kernel(OptionBag o) => o.Text("kernel", "softmax") switch
        {
            "softmax" => FavorKernel.Softmax,
            "relu" => FavorKernel.Relu,
            var other => throw new TensorException($"unknown kernel '{other}': softmax or relu"),
        };

        private static KeyStabilizer Stabilizer(OptionBag o) => o.Text("key_stabilizer", "none") switch
        {
            "none" => KeyStabilizer.None,
            "sequence" => KeyStabilizer.Sequence,
            "global" => KeyStabilizer.Global,
            var other => throw new TensorException($"unknown key stabilizer '{other}': none, sequence or global"),
        };

        private static double Eps(OptionBag o) => o.Double("feature_eps", Kernel(o) == FavorKernel.Softmax ? 1e-6 : 1e-3);

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("favor_features", c => c["x"].FavorFeatures(
                    c["projection"], Kernel(c.Options), c.Options.Bool("is_query", false), Stabilizer(c.Options), Eps(c.Options)),
                () => OpCase.Of("""{"is_query": true}""", ("x", Sample.Normal(2, 3, 2, 4)), ("projection", Sample.Normal(5, 4))),
                () => OpCase.Of("""{"key_stabilizer": "sequence", "feature_eps": 0.01}""", ("x", Sample.Normal(2, 3, 1, 4)), ("projection", Sample.Normal(5, 4))),
                () => OpCase.Of("""{"kernel": "relu"}""", ("x", Sample.Normal(1, 3, 2, 3)), ("projection", Sample.Normal(4, 3))));
            yield return new OpEntry("favor_attention", c =>
                {
                    var o = c.Options;
                    var q = c["q"].FavorFeatures(c["projection"], Kernel(o), true, KeyStabilizer.None, Eps(o));
                    var k = c["k"].FavorFeatures(c["projection"], Kernel(o), false, Stabilizer(o), Eps(o));
                    var (output, s, z) = Tensor.LinearAttention(q, k, c["v"], o.Bool("causal", true), true, 0, c.Optional("initial_state"), c.Optional("initial_z"));
                    OpResults results = output;
                    if (s is not null) results.AddRange([("final_state", s), ("final_z", z!)]);
                    return results;
                },
                () => Heads("{}"), () => Heads("""{"causal": false, "key_stabilizer": "global"}"""));
        }

        private static OpCase Heads(string options) => OpCase.Of(
            options, ("q", Sample.Normal(1, 4, 2, 3)), ("k", Sample.Normal(1, 4, 2, 3)), ("v", Sample.Normal(1, 4, 2, 2)), ("projection", Sample.Normal(5, 3)));
    }
}
