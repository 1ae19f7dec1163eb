using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>Bounds on gradients (Pascanu et al. 2013). Parameters without a gradient stay out.</summary>
public static class GradientClipping
{
    /// <summary>Keeps the factor finite for gradients of zeros; also what other engines add.</summary>
    private const double Epsilon = 1e-6;

    /// <summary>Multiplies every gradient, in place, by min(1, maxNorm / (norm + 1e-6)), where the norm is over all entries of
    /// all gradients together.</summary>
    /// <param name="parameters">Whose gradients.</param>
    /// <param name="maxNorm">At least 0.</param>
    /// <param name="normType">1, 2 or infinity.</param>
    /// <param name="allowNonFinite">False: a NaN or infinite gradient is an error that names its size; true: it spreads to
    /// all gradients.</param>
    /// <returns>The norm before clipping.</returns>
    /// <exception cref="TensorException">A gradient has a NaN or an infinity.</exception>
    public static double ByNorm(IEnumerable<Parameter> parameters, double maxNorm, double normType = 2, bool allowNonFinite = false) =>
        ByNorm(Gradients(parameters), maxNorm, normType, allowNonFinite);

    /// <summary>As <see cref="ByNorm(IEnumerable{Parameter}, double, double, bool)"/> for tensors.</summary>
    public static double ByNorm(IReadOnlyList<Tensor> gradients, double maxNorm, double normType = 2, bool allowNonFinite = false)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        var norm = TotalNorm(gradients, normType, allowNonFinite);
        var factor = Factor(norm, maxNorm);
        if (factor == 1) return norm;
        using var off = Tensor.NoGrad();
        foreach (var gradient in gradients) gradient.MulInPlace(factor);
        return norm;
    }

    /// <summary>Clamps every entry of every gradient, in place, to [-bound, bound].</summary>
    public static void ByValue(IEnumerable<Parameter> parameters, double bound) => ByValue(Gradients(parameters), bound);

    /// <summary>As <see cref="ByValue(IEnumerable{Parameter}, double)"/> for tensors.</summary>
    public static void ByValue(IReadOnlyList<Tensor> gradients, double bound)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        if (!(bound >= 0)) throw new TensorException($"clip_grad_value: the bound must be at least 0, got {bound}");
        using var off = Tensor.NoGrad();
        foreach (var gradient in gradients) gradient.ClampInPlace(-bound, bound);
    }

    /// <summary>The norm over all entries of all gradients.</summary>
    /// <exception cref="TensorException">A gradient has a NaN or an infinity.</exception>
    public static double TotalNorm(IEnumerable<Parameter> parameters, double normType = 2, bool allowNonFinite = false) =>
        TotalNorm(Gradients(parameters), normType, allowNonFinite);

    /// <summary>As <see cref="TotalNorm(IEnumerable{Parameter}, double, bool)"/> for tensors.</summary>
    public static double TotalNorm(IReadOnlyList<Tensor> gradients, double normType = 2, bool allowNonFinite = false)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        using var off = Tensor.NoGrad();
        using var scope = Tensor.Scope();
        // All norms are asked for before the first is read, so that a device works on while the host collects.
        var norms = new Tensor?[gradients.Count];
        for (var i = 0; i < norms.Length; i++)
            if (gradients[i].Count > 0) norms[i] = gradients[i].Norm(normType);
        double largest = 0, sum = 0;
        var values = new double[norms.Length];
        for (var i = 0; i < norms.Length; i++)
        {
            values[i] = norms[i]?.Item() ?? 0;
            if (!double.IsFinite(values[i]) && !allowNonFinite)
                throw TensorException.For("clip_grad_norm", $"gradient {i} of {norms.Length} has a NaN or an infinity, or its norm overflows", gradients[i]);
            largest = double.IsNaN(values[i]) || double.IsNaN(largest) ? double.NaN : Math.Max(largest, values[i]);
        }

        if (double.IsPositiveInfinity(normType) || largest == 0 || !double.IsFinite(largest)) return largest;
        foreach (var v in values) sum += normType == 1 ? v : v / largest * (v / largest);
        return normType == 1 ? sum : largest * Math.Sqrt(sum);
    }

    /// <summary>min(1, maxNorm / (norm + 1e-6)): what gradients of that norm are multiplied by.</summary>
    public static double Factor(double norm, double maxNorm) => maxNorm >= 0
        ? norm + Epsilon <= maxNorm ? 1 : maxNorm / (norm + Epsilon)
        : throw new TensorException($"clip_grad_norm: the largest norm must be at least 0, got {maxNorm}");

    private static List<Tensor> Gradients(IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        var gradients = new List<Tensor>();
        foreach (var p in parameters)
            if (p.RequiresGrad && p.Grad is { } g) gradients.Add(g);
        return gradients;
    }
}
