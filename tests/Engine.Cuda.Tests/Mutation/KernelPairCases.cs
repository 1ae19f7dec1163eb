namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>Kernels beside the CPU's on lengths around their tiles' borders, aligned and not: the tests of single families.</summary>
internal static class KernelPairCases
{
    public static IReadOnlyList<(string Name, Action Run)> All { get; } =
    [
        ("softmax of 33", () => new SoftmaxTests().Softmax_of_rows_of_any_length_is_the_cpus_forward_and_backward(17, 33)),
        ("softmax of 1024", () => new SoftmaxTests().Softmax_of_rows_of_any_length_is_the_cpus_forward_and_backward(2, 1024)),
        ("softmax of 1025", () => new SoftmaxTests().Softmax_of_rows_of_any_length_is_the_cpus_forward_and_backward(2, 1025)),
        ("softmax of 1030 with infinities", () => new SoftmaxTests().Rows_with_infinities_and_nan_are_the_cpus(1030)),
        ("softmax of shared rows", () => new SoftmaxTests().Softmax_of_rows_of_any_length_is_the_cpus_forward_and_backward(2, 16388)),
        ("softmax of shared rows with infinities", () => new SoftmaxTests().Rows_with_infinities_and_nan_are_the_cpus(16400)),
        ("norm of 33", () => new NormTests().Norms_of_rows_of_any_length_are_the_cpus_forward_and_backward(130, 33)),
        ("norm of 5000", () => new NormTests().Norms_of_rows_of_any_length_are_the_cpus_forward_and_backward(2, 5000)),
        ("norm of extremes", () => new NormTests().Rows_whose_squares_leave_the_range_are_normalized_all_the_same(5)),
        ("norm of a large mean", () => new NormTests().A_large_mean_costs_no_digits()),
        ("norm of nan", () => new NormTests().Rows_with_nan_and_infinities_are_the_cpus()),
        ("norm backward of extremes", () => new NormTests().Backward_of_rows_whose_products_leave_the_range_is_finite()),
        ("cross-entropy of 33", () => new CrossEntropyTests().Cross_entropy_of_rows_of_any_length_is_the_cpus_forward_and_backward(11, 33)),
        ("cross-entropy of 5000", () => new CrossEntropyTests().Cross_entropy_of_rows_of_any_length_is_the_cpus_forward_and_backward(2, 5000)),
        ("cross-entropy of ignored rows", () => new CrossEntropyTests().Ignored_rows_may_have_any_target()),
        ("cross-entropy of infinities", () => new CrossEntropyTests().Large_and_infinite_scores_are_the_cpus()),
        ("gates", () => new GatedTests().Every_activation_gates_as_on_the_cpu_forward_and_backward(1025)),
        ("gates of fours", () => new GatedTests().Every_activation_gates_as_on_the_cpu_forward_and_backward(1024)),
        ("gates of extremes", () => new GatedTests().Gates_of_extreme_numbers_are_the_cpus()),
        ("rotations of fours", () => new RotateTests().Rotations_of_any_shape_are_the_cpus(2, 5, 3, 16, 4)),
        ("rotations of odd widths", () => new RotateTests().Rotations_of_any_shape_are_the_cpus(2, 3, 2, 15, 5)),
        ("long rotations", () => new RotateTests().Rotations_of_any_shape_are_the_cpus(2, 130, 2, 12, 4)),
        ("convolutions", () => new DepthwiseConvTests().Convolutions_of_any_shape_are_the_cpus_forward_and_backward(2, 70, 70, 5, 4, 3)),
        ("convolutions of odd tap groups", () => new DepthwiseConvTests().Convolutions_of_any_shape_are_the_cpus_forward_and_backward(1, 130, 131, 3, 5, 2)),
        ("convolutions of segments", () => new DepthwiseConvTests().Segments_that_change_within_a_window_are_the_cpus()),
        ("convolutions outside", () => new DepthwiseConvTests().A_tap_that_is_left_out_does_not_count_even_with_an_infinite_weight()),
        ("token shifts", () => new TokenShiftTests().Token_shifts_of_any_shape_are_the_cpus_forward_and_backward(1, 130, 12, 3)),
        ("token shifts of odd widths", () => new TokenShiftTests().Token_shifts_of_any_shape_are_the_cpus_forward_and_backward(3, 65, 35, 2)),
        ("scans", () => new LinearScanTests().Scans_of_any_shape_are_the_cpus_forward_and_backward(2, 127, 3)),
        ("long scans", () => new LinearScanTests().Scans_of_any_shape_are_the_cpus_forward_and_backward(2, 203, 5)),
        ("scans of wide tensors", () => new LinearScanTests().Scans_of_any_shape_are_the_cpus_forward_and_backward(2, 3, 300)),
        ("scans beyond the range", () => new LinearScanTests().Products_of_factors_beyond_the_range_do_not_spoil_states_within_it()),
        ("scans of zeros", () => new LinearScanTests().Factors_of_zero_begin_anew_even_after_infinity()),
        ("units", () => new RgLruTests().Units_of_any_shape_are_the_cpus_forward_and_backward(2, 70, 3)),
        ("long units", () => new RgLruTests().Units_of_any_shape_are_the_cpus_forward_and_backward(2, 203, 5)),
        ("wide units", () => new RgLruTests().Units_of_any_shape_are_the_cpus_forward_and_backward(2, 3, 300)),
        ("units near one", () => new RgLruTests().Near_a_factor_of_one_no_digit_of_the_root_is_lost_and_its_derivative_is_held()),
        ("units of resets", () => new RgLruTests().A_reset_ends_what_was_infinite_before()),
    ];
}
