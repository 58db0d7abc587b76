//! The columns that files may have, under their English and Chinese names.

use crate::Known;

/// The columns that say who somebody is, shared by members and by events.
const WHO: &[(&str, &[&str])] = &[
    ("phone", &["手机", "手机号", "手机号码"]),
    ("email", &["邮箱", "电子邮箱", "e-mail"]),
    ("channel", &["渠道"]),
    ("external_id", &["外部ID"]),
];

/// The columns of `laurel import`.
pub const MEMBERS: Known = Known {
    names: &[
        WHO,
        &[
            ("name", &["姓名"]),
            ("birthday", &["生日"]),
            ("gender", &["性别"]),
            ("locale", &["语言"]),
            ("time_zone", &["时区"]),
            ("country", &["国家"]),
            ("province", &["省", "省份"]),
            ("city", &["市", "城市"]),
            ("district", &["区"]),
            ("area", &["商圈", "region.area"]),
            ("terms_version", &[]),
            ("registered_at", &["注册时间"]),
            ("registered_channel", &["注册渠道"]),
            ("brand", &["品牌"]),
            ("tags", &["标签"]),
            ("badges", &["勋章"]),
            ("tier", &["会员等级"]),
            ("tier_until", &["等级到期"]),
            ("growth", &["成长值"]),
            ("prior_orders", &[]),
            ("prior_amount", &[]),
            ("points", &["积分"]),
            ("expires_at", &["到期"]),
            ("held_until", &[]),
            ("balance_id", &[]),
        ],
    ],
    prefixes: &["external.", "consent.", "attribute."],
    numbered: &["phone", "email"],
};

/// The columns of `laurel replay`.
pub const EVENTS: Known = Known {
    names: &[
        WHO,
        &[
            ("kind", &["类型"]),
            ("occurred_at", &["时间"]),
            ("brand", &["品牌"]),
            ("member_id", &[]),
            ("order_id", &["订单号"]),
            ("line_id", &[]),
            ("sku", &[]),
            ("category", &["类别"]),
            ("order_channel", &["下单渠道"]),
            ("quantity", &["数量"]),
            ("amount", &["金额"]),
            ("points", &["积分"]),
            ("refund_id", &[]),
            ("part", &[]),
        ],
    ],
    prefixes: &["external."],
    numbered: &["phone", "email"],
};
